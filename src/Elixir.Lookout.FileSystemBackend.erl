%% Lookout.FileSystemBackend: a backend for the hex package file_system, as
%% `config :phoenix_live_reload, backend: Lookout.FileSystemBackend`.
%%
%% A module of Erlang, since file_system takes no backend but its own. Up to its release 1.1.1 the check of
%% another module ends in the value of its last test, `true`, where `{ok, Module}` is expected:
%%
%%     {:supported_systems, 0} in module.__info__(:functions)
%%
%% An Elixir module cannot define __info__/1. This one does: to file_system alone it returns an enumerable in
%% which a function that exists is found as `{ok, Module}` instead of `true`, both of which are true to that test.
-module('Elixir.Lookout.FileSystemBackend').

-export(['__info__'/1, bootstrap/0, supported_systems/0, known_events/0, start_link/1]).

-define(FUNCTIONS, [{bootstrap, 0}, {known_events, 0}, {start_link, 1}, {supported_systems, 0}]).

%% Whether it can be used here.
bootstrap() ->
    Path = 'Elixir.Lookout':port_path(),
    case filelib:is_regular(Path) of
        true ->
            ok;
        false ->
            logger:error("Lookout.FileSystemBackend: there is no ~ts; `mix deps.compile lookout --force` builds it", [Path]),
            {error, lookout_backend_bootstrap_error}
    end.

supported_systems() -> [{unix, linux}].

known_events() -> [created, deleted, modified, closed, moved_from, moved_to, attribute, isdir].

%% The options of Lookout.FileSystem.start_link/1, but for `backend` and `name`, which file_system takes out, and
%% `{worker_pid, Pid}`. That process is sent `{backend_file_event, BackendPid, {Path, Events} | stop}`.
start_link(Options) -> 'Elixir.Lookout.FileSystem':start_backend(Options).

'__info__'(module) -> ?MODULE;
'__info__'(functions) ->
    case asked_by_file_system() of
        true -> fun found_as_ok/2;
        false -> ?FUNCTIONS
    end;
'__info__'(macros) -> [];
'__info__'(deprecated) -> [];
'__info__'(struct) -> nil;
'__info__'(exports_md5) -> erlang:md5(term_to_binary(?FUNCTIONS));
'__info__'(Key) -> erlang:get_module_info(?MODULE, Key).

asked_by_file_system() ->
    {current_stacktrace, Frames} = process_info(self(), current_stacktrace),
    lists:keymember('Elixir.FileSystem.Backend', 1, Frames).

%% A function of two arguments is an enumerable to Elixir. This is Enum.reduce_while/3 over the functions, with another
%% value for `true`.
found_as_ok(Accumulator, Reducer) ->
    case 'Elixir.Enumerable.List':reduce(?FUNCTIONS, Accumulator, Reducer) of
        {halted, true} -> {halted, {ok, ?MODULE}};
        Other -> Other
    end.
