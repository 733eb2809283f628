"""How a cup's page looks: its style sheet, in light and in dark."""

from __future__ import annotations

from typing import Final

STEPS: Final = 10
"""Shades of the heat map on each side of the middle."""

_BASE: Final = """
:root{color-scheme:light dark;--ground:#fbfbfa;--card:#fff;--ink:#1c1f23;--soft:#5b636e;--line:#dfe2e6;
--bar:#2f6fab;--band:#2f6fab33;--hot:217 95 14;--cold:40 105 190;--warn:#9a3412;--code:#f1f2f4}
@media (prefers-color-scheme:dark){:root{--ground:#14161a;--card:#1b1e23;--ink:#e8eaed;--soft:#a2abb6;
--line:#343a43;--bar:#7db4ea;--band:#7db4ea33;--hot:240 130 50;--cold:84 146 235;--warn:#fdba74;
--code:#262a31}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Noto Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:40px 0 6px}
h3{font-size:1rem;margin:22px 0 6px}
p{margin:6px 0;max-width:76ch}
a{color:var(--bar)}
.soft,caption,small{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0 4px;padding:0}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:8px 14px;
min-width:104px}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:6px 12px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.82rem;line-height:1.3;
vertical-align:bottom;white-space:normal}
th.t,td.t{text-align:left}
.r .soft{font-size:.87em}
td.w{white-space:normal;overflow-wrap:anywhere;text-align:left;min-width:200px}
th[scope=row]{font-weight:600;text-align:left;white-space:normal;overflow-wrap:anywhere;
min-width:200px;max-width:300px}
th[scope=row] bdi{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;overflow:hidden}
.full bdi{-webkit-line-clamp:none!important}
.plot{width:30%;min-width:150px;padding-left:6px;padding-right:6px}
.plot svg{display:block;width:100%;height:22px;overflow:visible}
.ends{display:flex;justify-content:space-between}
svg .i{stroke:var(--bar);stroke-width:2.5;stroke-linecap:round}
svg .d{fill:var(--bar)}
svg .z{stroke:var(--soft);stroke-dasharray:2 3;opacity:.7}
.fit{width:fit-content}
.heat{width:auto}
.heat td{text-align:center;padding:5px 7px;min-width:46px;border-left:1px solid var(--card);
border-top-color:var(--card)}
.heat thead th{text-align:left;padding:6px 4px;height:1px}
.heat thead th div{writing-mode:vertical-rl;white-space:nowrap;
transform:rotate(180deg);max-height:150px;overflow:hidden;
text-overflow:ellipsis;margin:0 auto}
.heat thead th.t{vertical-align:bottom;padding-left:12px}
.heat th[scope=row]{min-width:150px;position:sticky;left:0;background:var(--card);z-index:1}
.key{display:flex;flex-wrap:wrap;align-items:center;
gap:3px 8px;margin:8px 0;font-size:.85rem;color:var(--soft)}
.key span{padding:1px 10px;color:var(--ink);border-radius:3px;font-variant-numeric:tabular-nums}
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:10px}
.curves figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;
padding:8px 10px 4px}
figcaption{font-size:.85rem;line-height:1.4}
figcaption b{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-weight:600}
figcaption span{color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}
.curves svg{display:block;width:100%;height:auto}
.curves .band{fill:var(--band)}
.curves polyline{fill:none;stroke:var(--bar);stroke-width:2;stroke-linejoin:round}
.curves text{fill:var(--soft);font-size:9px}
.none{color:var(--soft)}
.warn{color:var(--warn);font-weight:600}
ul{padding-left:1.2em;margin:6px 0}
li{overflow-wrap:anywhere}
pre{background:var(--code);border-radius:8px;padding:10px 14px;overflow-x:auto;margin:8px 0}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
p code,li code{background:var(--code);border-radius:4px;padding:1px 5px;overflow-wrap:anywhere}
footer{margin-top:44px;padding-top:12px;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem;
overflow-wrap:anywhere}
@media (max-width:640px){main{padding:18px 12px 40px}h1{font-size:1.5rem}th,td{padding:5px 7px}
.plot{min-width:104px}.r span{display:block}th[scope=row]{min-width:104px}.heat th[scope=row]{min-width:96px}
.facts div{flex:1 1 40%}}
@media print{.wide{overflow:visible}body{background:#fff}}
"""


def _shades() -> str:
    """Classes h-10 to h10: who wins gives the colour, how clearly its strength. Ink stays legible on all."""
    made = [".h0{background:transparent}"]
    for step in range(1, STEPS + 1):
        share = f"{0.06 + 0.052 * step:.2f}"
        made.append(
            f".h{step}{{background:rgb(var(--hot)/{share})}}.h-{step}{{background:rgb(var(--cold)/{share})}}"
        )
    return "\n".join(made)


STYLE: Final = _BASE + _shades()
