defmodule Lookout.Group do
  @moduledoc """
  Watchers of one name on several nodes, and the nearest of them: a `:via` module over `:pg`.

      children = [
        {Lookout.Group, MyApp.Watchers},
        {Lookout, dirs: ["/srv/in"], name: {:via, Lookout.Group, {MyApp.Watchers, :inbox}}}
      ]

  A name is `{:via, Lookout.Group, {scope, group}}`: the scope is a scope of `:pg`, which runs on each node that has watchers or looks for
  them; the group is any term. Each node may have one process of the name, so a second start there returns `{:error, {:already_started,
  pid}}`, and other nodes may have theirs. `:pg` reports members to the nodes that are connected; the members of a node that is lost are gone.

  The functions of `Lookout` take such a name, and use the nearest process: that of this node, if there is one, else one of another node
  (from one node always the same one, while the members stay the same; from several nodes not all the same one):

      name = {:via, Lookout.Group, {MyApp.Watchers, :inbox}}
      {:ok, pid} = Lookout.subscribe(name, active: 32)
      ref = Process.monitor(pid)

      receive do
        {:lookout, ^pid, {:events, _seq, events}} -> {events, Lookout.ask(pid, 1)}
        {:DOWN, ^ref, :process, ^pid, _reason} -> :subscribe_and_list_again
      end

  Subscribe with `active: n`, since the nearest process may be on another node, and use the pid afterwards: the nearest process may become
  another one. After `:DOWN` subscribe by the name again, which finds the next one; that is a new epoch, so call `Lookout.list/2` again.

  So a cluster shares a few watches of a large tree: with `node: :"watch@storage"` on two nodes (see "Watching another machine") the
  machine `storage` has two engines, whatever the count of subscribers. Each subscriber has its own flow control.

  ## Fan-out without flow control

  Processes that only show changes, such as LiveViews, need no flow control of their own. One subscriber can publish for all, here with
  [Phoenix.PubSub](https://hexdocs.pm/phoenix_pubsub/Phoenix.PubSub.html):

      def init(name) do
        {:ok, pid} = Lookout.subscribe(name, active: 32)
        {:ok, %{watcher: pid, ref: Process.monitor(pid)}}
      end

      def handle_info({:lookout, pid, {:events, seq, events}}, %{watcher: pid} = state) do
        Phoenix.PubSub.broadcast(MyApp.PubSub, "inbox", {:inbox, seq, events})
        :ok = Lookout.ask(pid, 1)
        {:noreply, state}
      end

  The mailbox of a slow process then grows without bound, and a node that is not connected misses changes without a notice. Processes that
  keep a mirror of the tree subscribe themselves.
  """

  alias Lookout.Error

  @typedoc "A scope of `:pg`, and the name of a group in it, which may be any term."
  @type name :: {scope :: atom, group :: term}

  @doc """
  A child specification of a scope: `:pg.start_link/1`.

      iex> Lookout.Group.child_spec(MyApp.Watchers).id
      {Lookout.Group, MyApp.Watchers}
  """
  @spec child_spec(atom) :: Supervisor.child_spec()
  def child_spec(scope) when is_atom(scope) do
    %{id: {__MODULE__, scope}, start: {__MODULE__, :start_link, [scope]}}
  end

  @doc """
  Starts the scope on this node, linked to the caller.

      iex> {:ok, scope} = Lookout.Group.start_link(MyApp.Scope)
      iex> Process.alive?(scope)
      true
  """
  @spec start_link(atom) :: {:ok, pid} | {:error, term}
  def start_link(scope) when is_atom(scope), do: :pg.start_link(scope)

  @doc """
  All processes of a name, the nearest first; none where the scope does not run.

      iex> {:ok, _scope} = Lookout.Group.start_link(MyApp.Watchers)
      iex> {:ok, watcher} = Lookout.start_link(dirs: "lib", name: {:via, Lookout.Group, {MyApp.Watchers, :lib}})
      iex> Lookout.Group.members({MyApp.Watchers, :lib}) == [watcher]
      true
  """
  @spec members(name) :: [pid]
  def members({scope, group}) do
    if running?(scope) do
      remote = :pg.get_members(scope, group) -- :pg.get_local_members(scope, group)
      local(scope, group) ++ rotate(Enum.sort(remote))
    else
      []
    end
  end

  # Another order from each node, so that the first one is not everybody's.
  defp rotate([]), do: []

  defp rotate(pids) do
    {first, rest} = Enum.split(pids, :erlang.phash2(node(), length(pids)))
    rest ++ first
  end

  ## The functions of a :via module

  @doc """
  The nearest process of a name, or `:undefined`.

      iex> Lookout.Group.whereis_name({MyApp.Watchers, :none})
      :undefined
  """
  @spec whereis_name(name) :: pid | :undefined
  def whereis_name(name), do: List.first(members(name)) || :undefined

  @doc """
  Makes a process of this node the one of the name here; `:no` if there is one, or the scope does not run.

      iex> {:ok, _scope} = Lookout.Group.start_link(MyApp.Workers)
      iex> Lookout.Group.register_name({MyApp.Workers, :me}, self())
      :yes
      iex> Lookout.Group.register_name({MyApp.Workers, :me}, self())
      :no
  """
  @spec register_name(name, pid) :: :yes | :no
  def register_name(name, pid) do
    # Two starts at the same time must not both find the name free.
    :global.trans({{__MODULE__, name}, self()}, fn -> join(name, pid) end, [node()])
  end

  defp join({scope, group}, pid) do
    if running?(scope) and local(scope, group) == [] do
      :ok = :pg.join(scope, group, pid)
      :yes
    else
      :no
    end
  end

  @doc """
  Removes the process of this node from the name.

      iex> Lookout.Group.unregister_name({MyApp.Watchers, :me})
      :ok
  """
  @spec unregister_name(name) :: :ok
  def unregister_name({scope, group}) do
    if running?(scope), do: for(pid <- :pg.get_local_members(scope, group), do: :pg.leave(scope, group, pid))
    :ok
  end

  @doc """
  Sends a message to the nearest process; exits if there is none.

      iex> {:ok, _scope} = Lookout.Group.start_link(MyApp.Listeners)
      iex> :yes = Lookout.Group.register_name({MyApp.Listeners, :me}, self())
      iex> Lookout.Group.send({MyApp.Listeners, :me}, :hello) == self()
      true
      iex> receive do: (:hello -> :received)
      :received
  """
  @spec send(name, term) :: pid
  def send(name, message) do
    case whereis_name(name) do
      :undefined ->
        exit({:badarg, {name, message}})

      pid ->
        Kernel.send(pid, message)
        pid
    end
  end

  # `:pg` notices the end of a process a little later.
  defp local(scope, group), do: Enum.filter(:pg.get_local_members(scope, group), &Process.alive?/1)

  defp running?(scope), do: :ets.whereis(scope) != :undefined

  ## The start of a process

  @doc false
  # `:gen` starts no process under a name that is found, so a process starts under a name that is found on this node only.
  @spec start_name(GenServer.name()) :: {:ok, GenServer.name()} | {:error, Error.t()}
  def start_name({:via, __MODULE__, {scope, _group} = name}) do
    if running?(scope) do
      {:ok, {:via, __MODULE__.Local, name}}
    else
      detail =
        "the scope #{inspect(scope)} of the name is not running; put {Lookout.Group, #{inspect(scope)}} " <>
          "before this process into its supervisor"

      {:error, %Error{reason: :noproc, operation: :start_link, detail: detail}}
    end
  end

  def start_name(name), do: {:ok, name}

  defmodule Local do
    @moduledoc false
    # The same names, of which only the process of this node counts. `start_name/1` returns them, for the start of a server; `:pg`
    # has the members.

    defdelegate register_name(name, pid), to: Lookout.Group
    defdelegate unregister_name(name), to: Lookout.Group
    defdelegate send(name, message), to: Lookout.Group

    def whereis_name(name) do
      case Lookout.Group.members(name) do
        [pid | _] when node(pid) == node() -> pid
        _none_here -> :undefined
      end
    end
  end
end
