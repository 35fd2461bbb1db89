"""The draggable distribution plot.

Python, once per tensor: `subject` (what is shown) -> `following` (how the browser follows its format), `bins`, `groups`
(what is sent of its values), `curves`, `fine`, `tables` (error at many thresholds), `arrays` -> `material` (all that
takes long, kept by whoever prepares it) -> `strips` (the chart's data), `samples` (single
ones), `notes`, `payload` (JSON and bytes) -> `widget`, `figure` (plotly); beside it `output` (the network's output at
other ranges).
Browser, on every frame: `numbers.js`, `levels.js` (scale, levels and boundaries of any format), `moments.js`,
`draws.js`, `fine.js`, `divergence.js`, `live.js` (all figures at any threshold), `predicted.js` (the network's output),
`words.js` (numbers and the sentence), `geometry.js` (pixels and the value axis), `ruler.js`, `output.js`, `overlay.js`,
`few.js` (canvas), `samples.js` (a canvas of its own, not on every frame), `handles.js`, `marks.js`, `paint.js` (one
frame), `plot.js` (state and messages). The scripts are joined in this order into one module.
"""
