"""Waits for an answer with IDLE: Python's imaplib.

    idle.py HOST PORT USER PASSWORD WORD READY

Makes the file READY once it waits, and ends when a new message is told of that
holds WORD.
"""
import imaplib
import sys

host, port, user, password, word, ready = sys.argv[1:7]
c = imaplib.IMAP4(host, int(port))
c.login(user, password)
there = int(c.select("INBOX")[1][0])
tag = c._new_tag()
c.send(tag + b" IDLE\r\n")
assert c.readline().startswith(b"+ ")
open(ready, "w").close()
while True:
    line = c.readline()
    assert line.startswith(b"* "), line
    if line.endswith(b" EXISTS\r\n") and int(line.split()[1]) == there + 1:
        break
c.send(b"DONE\r\n")
while not c.readline().startswith(tag + b" OK"):
    pass
whole = c.fetch(str(there + 1), "(BODY.PEEK[])")[1][0][1]  # other clients take what is not read yet
assert word.encode() in whole, whole
c.logout()
