"""The figures of a report: specifications that plotly.js draws, and small SVG and PNG pictures."""
