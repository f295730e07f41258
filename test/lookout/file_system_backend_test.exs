defmodule Lookout.FileSystemBackendTest do
  # Route 2: a backend that file_system's worker starts, as with `config :phoenix_live_reload, backend: Lookout.FileSystemBackend`.
  use Lookout.Case, async: true

  import Lookout.LogCapture
  alias Lookout.{FileEvents, FileSystemBackend}
  alias Lookout.FileSystemDouble.Worker

  # Churns of thousands of files take long on a busy machine.
  @moduletag timeout: 300_000

  defp start!(options) do
    start_supervised!(%{
      id: make_ref(),
      start: {Worker, :start_link, [[backend: FileSystemBackend] ++ options]},
      restart: :temporary
    })
  end

  defp taken_events(worker, events \\ []) do
    receive do
      {:file_event, ^worker, event} -> taken_events(worker, [event | events])
    after
      0 -> Enum.reverse(events)
    end
  end

  defp file_events(worker) do
    :ok = Lookout.sync(Worker.backend(worker))
    Worker.backend(worker)
    taken_events(worker)
  end

  test "file_system accepts the module" do
    assert {:ok, FileSystemBackend} = FileSystem.Backend.backend(FileSystemBackend)
  end

  test "everybody else is told the functions as of any module" do
    functions = FileSystemBackend.__info__(:functions)
    assert Enum.sort(functions) == functions

    assert Enum.sort(FileSystemBackend.module_info(:exports) -- [__info__: 1, module_info: 0, module_info: 1]) ==
             functions

    for {name, arity} <- functions, do: assert(function_exported?(FileSystemBackend, name, arity))
    assert FileSystemBackend.__info__(:module) == FileSystemBackend
    assert FileSystemBackend.__info__(:macros) == []
  end

  test "the worker passes on what changes, in file_system's terms", %{dir: dir} do
    worker = start!(name: :lookout_backend_test, dirs: [dir])
    :ok = Worker.subscribe(:lookout_backend_test)
    path = Path.join(dir, "a")
    File.write!(path, "")
    assert [{^path, [:created]}, {^path, [:modified]}, {^path, [:modified, :closed]}] = file_events(worker)
  end

  test "options of Lookout come through backend_opts, a missing directory does not stop the others", %{dir: dir} do
    log =
      logged(fn ->
        worker = start!(dirs: [Path.join(dir, "missing"), dir], ignore: ["*.swp"], interval: 500)
        :ok = Worker.subscribe(worker)
        File.write!(Path.join(dir, "a.swp"), "1")
        File.mkdir!(Path.join(dir, "d"))
        path = Path.join(dir, "d")
        assert [{^path, [:created, :isdir]}] = file_events(worker)
      end)

    assert log =~ "missing"
  end

  test "a bad option is in the warning of the worker, which does not start" do
    log = logged(fn -> assert :ignore = Worker.start_link(backend: FileSystemBackend, dirs: ["."], ignored: ["x"]) end)

    assert log =~ "unknown option :ignored"
  end

  test "a worker that ends takes the backend and lookout_port with it", %{dir: dir} do
    Process.flag(:trap_exit, true)
    {:ok, worker} = Worker.start_link(backend: FileSystemBackend, dirs: [dir])
    backend = Worker.backend(worker)
    os_pid = os_pid(backend)
    ref = Process.monitor(backend)
    Process.exit(worker, :kill)
    assert_receive {:DOWN, ^ref, :process, ^backend, _reason}, 10_000
    eventually(fn -> gone?(os_pid) end)
  end

  test "subscribers of the worker get :stop when the backend ends", %{dir: dir} do
    worker = start!(dirs: [dir])
    :ok = Worker.subscribe(worker)
    :ok = Lookout.stop(Worker.backend(worker))
    assert_receive {:file_event, ^worker, :stop}
  end

  test "nothing is missed in a churn without a pause", %{dir: dir} do
    watched = Path.join(dir, "watched")
    File.mkdir!(watched)
    worker = start!(dirs: [watched])
    :ok = Worker.subscribe(worker)
    FileEvents.churn(watched, 500, 4, fn -> :ok end)
    known = Enum.reduce(file_events(worker), %FileEvents{}, &FileEvents.apply_event(&2, &1))
    assert known.paths == FileEvents.on_disk(watched)
  end
end
