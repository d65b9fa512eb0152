-- Gives up what a schedule would try again. $1 uuid schedule. Index: schedule_runs (schedule_id, due_at, generation).
update schedule_runs set outcome = 'skipped', retry_at = null, reason = 'Skipped: the schedule was paused'
where schedule_id = $1::uuid and outcome = 'pending' and tries > 0
