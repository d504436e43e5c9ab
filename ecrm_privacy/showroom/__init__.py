"""The showroom: a policy as people would meet it, before it is in force. Looked at, measured, kept as evidence.

`stage` shows banner and preferences page of a bundle, without a database and without keys; `preview` serves that on
loopback, side by side, and anew when a file changes. `measure.js` measures a banner in the page that shows it, `rules`
judges what was measured by what data protection authorities have said, `browser` drives Chromium over all of it, and
`report` writes down what was found, with pictures, in one file.

Promises
- What is measured is what is served: the same script, styles, templates and words, and the theme of the site.
- A finding names the rule, who says so and where, and what to do.
- Nothing that is answered here is recorded anywhere.

Refuses: to measure where there is no Chromium or no playwright (`NoBrowser`, which says how to get one).

A crash means nothing: a report is written at the end, under the hash of what it says.
"""
