"""Pages of the reports: a module per page, which chooses the sections of the page and their order.

A page is a `reports.render.page.Page`; `reports.render` writes it as HTML, Markdown and plain text.
"""
