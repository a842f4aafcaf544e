"""A reviewer's day in a mail client: Python's imaplib.

    review.py HOST PORT USER PASSWORD

Expects two messages in Quarantine, "Let it go" and "Refuse it": reads both,
releases the one and refuses the other by moving them. Ends with "reviewed".
"""
import imaplib
import sys
import time

host, port, user, password = sys.argv[1:5]
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
ok(c.login(user, password), "login")
names = [line.decode().rsplit(" ", 1)[-1].strip('"') for line in ok(c.list(), "list")]
assert {"Quarantine", "Quarantine/Release", "Quarantine/Refuse"} <= set(names), names
for _ in range(600):
    if ok(c.select("Quarantine"), "select") == [b"2"]:
        break
    time.sleep(0.1)
for word in ("Let it go", "Refuse it"):
    (found,) = ok(c.search(None, "SUBJECT", '"%s"' % word), "search")
    assert len(found.split()) == 1, (word, found)
    whole = ok(c.fetch(found.decode(), "(RFC822)"), "fetch")[0][1]
    assert b"X-Gatepost-Status: held" in whole and b"quillwort" in whole, whole
    # Nothing else is done with held mail.
    assert "CANNOT" in refused(c.copy, found.decode(), "INBOX")
    assert "CANNOT" in refused(c.copy, found.decode(), "Recall")
c.store("1:2", "+FLAGS", r"(\Deleted)")
refused(c.expunge)
assert ok(c.select("Quarantine"), "select") == [b"2"], "held mail was removed"
for word, to in (("Let it go", "Quarantine/Release"), ("Refuse it", "Quarantine/Refuse")):
    (found,) = ok(c.search(None, "SUBJECT", '"%s"' % word), "search")
    ok(c._simple_command("MOVE", found.decode(), to), "move")
    assert ok(c.search(None, "SUBJECT", '"%s"' % word), "search") == [b""]
for f in ("Quarantine", "Quarantine/Release", "Quarantine/Refuse"):
    assert ok(c.select(f), f) == [b"0"], f
c.logout()
print("reviewed")
