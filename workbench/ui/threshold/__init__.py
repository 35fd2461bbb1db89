"""The draggable distribution plot.

Python, once per tensor: `subject` (what is shown) -> `bins`, `groups` (what is sent of its values), `curves` (error at
many thresholds), `strips` (the chart's data), `arrays`, `payload` (JSON and bytes) -> `widget`, `figure` (plotly).
Browser, on every frame: `live.js` (all figures at any threshold), `words.js` (numbers and the sentence), `geometry.js`
(pixels), `overlay.js` (canvas), `handles.js`, `marks.js`, `paint.js` (one frame), `plot.js` (state and messages). The
scripts are joined in this order into one module.
"""
