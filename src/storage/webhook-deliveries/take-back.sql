-- Takes back the attempts of nodes that are gone (migration 0029).
select take_back_deliveries() as taken
