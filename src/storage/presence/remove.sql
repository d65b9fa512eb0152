-- Takes away the rows of a node for some buses; null = all of them. $1 uuid holder, $2 text[] buses. Index: presence_by_holder.
delete from presence where holder = $1::uuid and ($2::text[] is null or bus = any ($2::text[]))
