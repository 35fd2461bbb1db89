"""`STYLE`: the style sheet of the report: light and dark by what the system prefers, black on white on paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --raised: #f7f8fa; --ink: #1f2328; --muted: #5b6472; --rule: #dfe3e8;
  --grid: #eceef1; --float: #0072b2; --quantized: #e69f00; --clipping: #d55e00; --rounding: #009e73;
  --good: #00704f; --bad: #b04a00; --unsure: #7a5300; }
@media (prefers-color-scheme: dark) { :root { --paper: #111418; --raised: #181c22; --ink: #e8eaed; --muted: #9aa2ae;
  --rule: #2b3139; --grid: #262b32; --float: #56b4e9; --clipping: #ee7733; --rounding: #2ab58d;
  --good: #4cc9a2; --bad: #f28b50; --unsure: #f0b429; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 24px 24px 64px; background: var(--paper); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; overflow-wrap: anywhere; } h2 { font-size: 17px; margin: 36px 0 8px; }
h3 { font-size: 14px; margin: 0 0 6px; overflow-wrap: anywhere; }
p { margin: 6px 0; max-width: 80ch; } .quiet { color: var(--muted); }
bdi { white-space: pre-wrap; overflow-wrap: anywhere; } code, pre, bdi.name { font-family: ui-monospace, Menlo,
  Consolas, monospace; font-size: 0.93em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(212px, 1fr)); gap: 10px; margin: 16px 0; }
.tiles > div { background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; padding: 10px 12px; }
.tiles dt { color: var(--muted); font-size: 12px; } .tiles dd { margin: 0; font-size: 18px; font-weight: 600;
  font-variant-numeric: tabular-nums; } .tiles dd small { display: block; font-size: 12px; font-weight: 400;
  color: var(--muted); }
.verdict { border-left: 4px solid var(--unsure); padding: 4px 12px; margin: 8px 0; }
.verdict b { color: var(--unsure); } .verdict.met { border-color: var(--good); } .verdict.met b { color: var(--good); }
.verdict.missed { border-color: var(--bad); } .verdict.missed b { color: var(--bad); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding: 4px 0 8px; }
th, td { padding: 4px 14px 4px 0; font-size: 13px; text-align: right; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
thead th { color: var(--muted); font-weight: 600; font-size: 12px; vertical-align: bottom; white-space: normal;
  min-width: 10ch; }
th.words, td.words, tbody th { text-align: left; } tbody th { font-weight: 400; }
tbody th bdi { display: inline-block; width: max-content; max-width: 44ch; }
tbody.facts th { min-width: 0; } tbody.facts td { overflow-wrap: anywhere; max-width: none; }
td.long { white-space: normal; max-width: 30ch; text-align: left; }
.scroll { overflow-x: auto; } .scroll:focus-visible, pre:focus-visible, summary:focus-visible {
  outline: 2px solid var(--float); outline-offset: 2px; }
.worst { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr)); gap: 16px; }
figure { margin: 0; border: 1px solid var(--rule); border-radius: 6px; padding: 12px; break-inside: avoid; }
svg + svg { margin-top: 8px; }
figure.wide { border: 0; padding: 0; margin: 12px 0; max-width: 860px; }
figcaption { color: var(--muted); font-size: 12.5px; margin-top: 6px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--muted); font-size: 11px; font-variant-numeric: tabular-nums; }
svg text.unit { font-size: 10.5px; }
.axis { stroke: var(--muted); } .grid { stroke: var(--grid); } .bars { fill: var(--float); fill-opacity: 0.45; }
.threshold { stroke: var(--quantized); stroke-width: 2; } .channels { fill: var(--quantized); fill-opacity: 0.25; }
.level { stroke: var(--quantized); } .levels { fill: var(--quantized); } .rounding { fill: var(--rounding); }
.clipping { fill: var(--clipping); } .depth { fill: none; stroke: var(--float); stroke-width: 1.5; }
.dot, .activation { fill: var(--float); } .weight { fill: var(--quantized); }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 10px; border-radius: 2px; }
.key:first-child { margin-left: 0; } .key.rounding { background: var(--rounding); }
.key.clipping { background: var(--clipping); } .key.activation { background: var(--float); }
.key.weight { background: var(--quantized); }
summary { cursor: pointer; padding: 4px 0; } ul { padding-left: 20px; margin: 6px 0; }
pre { background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; padding: 12px; max-height: 480px;
  overflow: auto; user-select: all; white-space: pre; }
@media print { :root { color-scheme: light; --paper: #fff; --raised: #fff; --ink: #000; --muted: #444; --rule: #bbb;
  --grid: #ddd; --float: #0072b2; --clipping: #d55e00; --rounding: #009e73; --good: #00704f; --bad: #b04a00;
  --unsure: #7a5300; } body { max-width: none; padding: 0; font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .scroll { overflow: visible; }
  th, td { white-space: normal; padding-right: 6px; font-size: 8pt; overflow-wrap: anywhere; }
  thead { display: table-header-group; } tr { break-inside: avoid; } h2 { break-after: avoid; }
  pre { max-height: none; white-space: pre-wrap; overflow-wrap: anywhere; } }
"""
