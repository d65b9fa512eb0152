-- Agents of the batches API: a session with a name, a model and instructions of its own.

create table session_profiles (
    session_num bigint primary key references sessions (num),
    -- As in its session.
    tenant_id text collate "C" not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    name text not null,
    -- `provider/model`, or `kazi/` and an agent without a model.
    model text not null,
    -- Null = the operator's.
    instructions text,
    description text,
    tags text[] not null default '{}',
    metadata jsonb,
    timezone text not null default 'UTC',
    blocks jsonb not null default '[]',
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text collate "C",
    deleted_at timestamptz
);
-- Its own, one of the same table and none yet: the table is empty.
-- squawk-ignore require-concurrent-index-creation
create index session_profiles_by_tenant on session_profiles (tenant_id, session_num) where deleted_at is null;

-- What a run works with. A run that is taken up again after a crash goes on with what was in force at its first start.
create table session_profile_versions (
    session_num bigint not null references session_profiles (session_num),
    version integer not null check (version >= 1),
    model text not null,
    instructions text,
    blocks jsonb not null,
    made_at timestamptz not null default clock_timestamp(),
    primary key (session_num, version)
);

-- Makes a session with a profile. Its id is new, and its tenant and user are known.
create function create_profile(p_profile jsonb) returns bigint
language plpgsql
as $$
declare
    v_new session_profiles := jsonb_populate_record(null::session_profiles, p_profile);
    v_num bigint;
begin
    insert into sessions (tenant_id, id, user_id) values (v_new.tenant_id, v_new.session_id, v_new.user_id)
    returning num into v_num;
    insert into session_profiles (
        session_num, tenant_id, session_id, user_id, name, model, instructions, description, tags, metadata, timezone,
        blocks, updated_by
    ) values (
        v_num, v_new.tenant_id, v_new.session_id, v_new.user_id, v_new.name, v_new.model, v_new.instructions,
        v_new.description, v_new.tags, v_new.metadata, v_new.timezone, v_new.blocks, v_new.user_id
    );
    insert into session_profile_versions (session_num, version, model, instructions, blocks)
    values (v_num, 1, v_new.model, v_new.instructions, v_new.blocks);
    return v_num;
end
$$;

-- Sets the fields that are given, null among them. False when there is no such profile any more.
create function change_profile(p_session bigint, p_changes jsonb, p_by text) returns boolean
language plpgsql
set enable_seqscan = off
as $$
declare
    v_profile session_profiles;
begin
    select p.* into v_profile from session_profiles p where p.session_num = p_session and p.deleted_at is null for update;
    if not found then
        return false;
    end if;
    v_profile := jsonb_populate_record(v_profile, p_changes);
    update session_profiles p set
        name = v_profile.name, model = v_profile.model, instructions = v_profile.instructions,
        description = v_profile.description, tags = v_profile.tags, metadata = v_profile.metadata,
        timezone = v_profile.timezone, blocks = v_profile.blocks, updated_at = clock_timestamp(), updated_by = p_by
    where p.session_num = p_session;
    insert into session_profile_versions (session_num, version, model, instructions, blocks)
    select p_session, max(v.version) + 1, v_profile.model, v_profile.instructions, v_profile.blocks
    from session_profile_versions v where v.session_num = p_session;
    return true;
end
$$;
