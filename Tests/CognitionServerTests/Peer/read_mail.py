"""Reads a mail as Python's email package does, and prints what it says as JSON.

It ends with 1 when the mail has a defect: of its structure, a header or its encoding.
"""

import json
import sys
from email import message_from_bytes, policy

with open(sys.argv[1], "rb") as file:
    source = file.read()
mail = message_from_bytes(source, policy=policy.default)
body = mail.get_body(("plain",))
defects = [str(d) for d in mail.defects] + [f"{n}: {d}" for n, v in mail.items() for d in v.defects]
if source.replace(b"\r\n", b"").count(b"\n"):
    defects.append("a line ends without a carriage return")
if any(len(line) > 998 for line in source.split(b"\r\n")):
    defects.append("a line is too long")
print(json.dumps({
    "from": [str(a) for a in mail["From"].addresses],
    "to": [a.addr_spec for a in mail["To"].addresses],
    "subject": mail["Subject"],
    "date": mail["Date"].datetime.isoformat(),
    "message_id": mail["Message-ID"],
    "type": mail.get_content_type(),
    "charset": mail.get_content_charset(),
    "text": body.get_content(),
    "defects": defects,
}))
sys.exit(1 if defects else 0)
