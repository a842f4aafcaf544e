' Loads each document once and stores it in each of the wanted forms. A line of
' the list of jobs is: document|file to write|filter|password|options of the filter.
Function Prop(n, v)
  Dim p As New com.sun.star.beans.PropertyValue
  p.Name = n
  p.Value = v
  Prop = p
End Function

Function Named(n, v)
  Dim p As New com.sun.star.beans.NamedValue
  p.Name = n
  p.Value = v
  Named = p
End Function

Sub Store(d, file, filter, password, options)
  Dim args
  args = Array(Prop("FilterName", filter), Prop("FilterOptions", options))
  If password <> "" Then
    If Right(filter, 11) = "_pdf_Export" Then
      args = Array(Prop("FilterName", filter), Prop("FilterData", Array(Prop("EncryptFile", True), Prop("DocumentOpenPassword", password))))
    ElseIf InStr(filter, "2007 XML") > 0 Then
      args = Array(Prop("FilterName", filter), Prop("EncryptionData", Array(Named("CryptoType", "Standard"), Named("OOXPassword", password))))
    Else
      args = Array(Prop("FilterName", filter), Prop("Password", password))
    End If
  End If
  d.storeToURL(ConvertToURL(file), args)
End Sub

Sub Convert(jobs)
  Dim d, w, last, l, f, g
  On Error Goto Broken
  last = ""
  f = FreeFile
  Open jobs For Input As #f
  While Not EOF(f)
    Line Input #f, l
    w = Split(l, "|")
    If UBound(w) >= 4 Then
      If w(0) <> last Then
        If last <> "" Then d.close(True)
        d = StarDesktop.loadComponentFromURL(ConvertToURL(w(0)), "_blank", 0, Array(Prop("Hidden", True)))
        last = w(0)
      End If
      Store(d, w(1), w(2), w(3), w(4))
    End If
  Wend
  Close #f
  If last <> "" Then d.close(True)
  StarDesktop.terminate()
  Exit Sub
Broken:
  g = FreeFile
  Open jobs & ".error" For Output As #g
  Print #g, l & ": " & Error$
  Close #g
  StarDesktop.terminate()
End Sub
