-- Takes away the rows of nodes that are gone. Index: none; the table holds one row a node and bus.
delete from presence where expires_at < clock_timestamp()
