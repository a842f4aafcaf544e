"""A member of staff's day in a mail client: Python's imaplib.

    day.py HOST PORT USER PASSWORD

Expects one secured message in Secured/Unopened. Prints what it saw, ends with
"day done".
"""
import imaplib
import ssl
import sys

host, port, user, password = sys.argv[1:5]
imaplib.Commands["ID"] = ("NONAUTH", "AUTH", "SELECTED")
imaplib.Commands["MOVE"] = ("SELECTED",)


def ok(answer, what):
    status, data = answer
    assert status == "OK", (what, answer)
    return data


def refused(call, *args):
    status, data = call(*args)
    assert status == "NO", (args, status, data)
    return data[0].decode()


c = imaplib.IMAP4(host, int(port))
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE  # self-signed: what it shows is the story of another test
ok(c.starttls(context), "starttls")
assert "STARTTLS" not in c.capabilities and "AUTH=PLAIN" in c.capabilities, c.capabilities
ok(c.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (user, password)).encode()), "plain")
ok(c._simple_command("ID", '("name" "day.py")'), "id")
for cap in "IMAP4REV1 IMAP4REV2 IDLE MOVE UIDPLUS NAMESPACE SPECIAL-USE LITERAL+ ESEARCH STATUS=SIZE UNSELECT LIST-EXTENDED LIST-STATUS BINARY".split():
    assert cap in c.capability()[1][0].decode().upper().split(), cap
names = [line.decode().rsplit(' ', 1)[-1].strip('"') for line in ok(c.list(), "list")]
assert names[0] == "INBOX" and "Secured/Unopened" in names and "Quarantine" not in names, names

# A secured message: seen, read, searched, taken back, given back.
assert ok(c.select("Secured/Unopened"), "select") == [b"1"]
(listed, ) = ok(c.fetch("1", "(UID FLAGS ENVELOPE BODYSTRUCTURE)"), "fetch")
assert b"$GatepostUnopened" in listed, listed
whole = ok(c.fetch("1", "(RFC822)"), "fetch")[0][1]
assert b"X-Gatepost-Status:" in whole and b"quillwort" in whole, whole
size = int(ok(c.fetch("1", "(RFC822.SIZE)"), "size")[0].split()[-1].rstrip(b")"))
assert size == len(whole), (size, len(whole))
part = ok(c.fetch("1", "(BODY.PEEK[TEXT]<0.20>)"), "part")[0][1]
assert len(part) == 20 and part in whole
assert ok(c.search(None, "SEEN", "BODY", "quillwort"), "search") == [b"1"]
assert ok(c.search("UTF-8", "SUBJECT", '"no such thing"'), "search") == [b""]
ok(c.store("1", "+FLAGS", r"(\Flagged $Mine)"), "store")
assert "CANNOT" in refused(c.copy, "1", "Secured/Opened")
assert "NONEXISTENT" in refused(c.copy, "1", "Elsewhere")
ok(c._simple_command("MOVE", "1", "Recall"), "move")
assert ok(c.select("Secured/Recalled"), "select") != [None]
assert ok(c.select("Recall"), "select") == [b"1"]
ok(c._simple_command("MOVE", "1", "Secured/Unopened"), "undo")
print("taken back and given back")

# A text of one's own.
text = b"From: ann@clinic.example\r\nSubject: A template\r\n\r\nDear all\r\n"
ok(c.append("Templates", r"(\Seen \Draft)", None, text), "append")
ok(c.select("Templates"), "select")
assert ok(c.fetch("1", "(BODY.PEEK[])"), "fetch")[0][1] == text
ok(c.copy("1", "INBOX"), "copy")
ok(c.store("1", "+FLAGS", r"(\Deleted)"), "store")
assert ok(c.expunge(), "expunge") == [b"1"]
assert "CANNOT" in refused(c.append, "Recall", None, None, text)
ok(c.close(), "close")
status = ok(c.status("INBOX", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY SIZE)"), "status")[0]
assert b"MESSAGES 1 " in status and b"UNSEEN 0" in status, status
ok(c.select("INBOX", readonly=True), "examine")
try:
    assert c.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
except c.readonly:
    pass
c.logout()
print("day done")
