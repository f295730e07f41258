%% A gen_server that starts a watcher, subscribes, and hands on what it is sent.
-module(consumer).
-behaviour(gen_server).

-export([check/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% Makes a file in the directory, prints the event that comes, and ends the VM.
check(Dir) ->
    {ok, _} = application:ensure_all_started(consumer),
    {ok, _} = gen_server:start_link(?MODULE, {Dir, self()}, []),
    Path = filename:join(Dir, "new.txt"),
    ok = file:write_file(Path, <<"hello">>),
    wait(unicode:characters_to_binary(Path)),
    halt(0).

wait(Path) ->
    receive
        {saw, #{'__struct__' := 'Elixir.Lookout.Event', change := created, type := file, path := Path}} ->
            io:format("saw created ~ts~n", [Path]);
        {saw, _} ->
            wait(Path)
    after 60000 ->
        io:format("no event within a minute~n"),
        halt(1)
    end.

init({Dir, Parent}) ->
    {ok, Watcher} = 'Elixir.Lookout':start_link([{dirs, [Dir]}]),
    {ok, Watcher} = 'Elixir.Lookout':subscribe(Watcher),
    {ok, {Watcher, Parent}}.

handle_info({lookout, Watcher, {events, _Seq, Events}}, {Watcher, Parent} = State) ->
    [Parent ! {saw, Event} || Event <- Events],
    {noreply, State};
handle_info({lookout, Watcher, {notice, _Notice}}, {Watcher, _Parent} = State) ->
    {noreply, State};
handle_info({lookout, Watcher, {stopped, Reason}}, {Watcher, _Parent} = State) ->
    {stop, Reason, State}.

handle_call(_Request, _From, State) -> {reply, ok, State}.
handle_cast(_Request, State) -> {noreply, State}.
