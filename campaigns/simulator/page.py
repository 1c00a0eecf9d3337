"""The page that lists what arrived."""

import time
from html import escape

from campaigns.simulator.ledger import Ledger
from campaigns.simulator.mail import readable
from campaigns.simulator.moods import MODES


def page(ledger: Ledger, mode: str) -> str:
    rows = "".join(_row(dict(row)) for row in ledger.newest())
    modes = "".join(f"<option{' selected' if name == mode else ''}>{name}</option>" for name in MODES)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simulator</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><style>'
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1d2430}"
        "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.5rem;"
        "border-top:1px solid #ddd}pre{white-space:pre-wrap;margin:0;max-width:40rem;font:inherit}"
        "form{display:inline}small{color:#667}</style></head><body>"
        f"<h1>Simulator</h1><p>{ledger.count()} messages arrived here. Nobody real was written to.</p>"
        f'<form method="post" action="/mode"><label>Behaves: <select name="mode">{modes}</select></label> '
        "<button>Change</button></form>"
        f"<table><tr><th>When</th><th>To</th><th>Text</th></tr>{rows}</table></body></html>"
    )


def _row(row: dict[str, object]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(str(row["at"]))))
    is_sms = row["channel"] == "sms"
    text = str(row["body"]) if is_sms else readable(str(row["body"]))
    reply = (
        f'<form method="post" action="/reply"><input type="hidden" name="id" value="{row["id"]}">'
        '<input name="text" value="TD" size="8" aria-label="Reply"> <button>Reply</button></form>'
        if is_sms
        else ""
    )
    subject = f"<strong>{escape(str(row['subject']))}</strong><br>" if row["subject"] else ""
    return (
        f"<tr><td>{when}<br><small>{row['channel']}</small></td><td>{escape(str(row['recipient']))}<br>{reply}</td>"
        f"<td>{subject}<pre>{escape(text)}</pre></td></tr>"
    )
