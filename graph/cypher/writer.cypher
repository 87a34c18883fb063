// Who may add batches at the moment, and for how many milliseconds yet. No parameters.
MATCH (w:Writer {name: 'graph'})
WHERE w.until >= timestamp()
RETURN w.holder AS holder, w.until - timestamp() AS left
