defmodule Lookout.Port.Protocol do
  @moduledoc false
  # Encodes and decodes the messages of docs/protocol.md. Pure. `Lookout.Port.LocalConnection` encodes; the servers of watchers
  # and commands decode, and so does whoever waits for one message (`Lookout.Port.Connection`, `Lookout.Command.Shutdown`,
  # `Lookout.Doctor.Trials`).

  alias Lookout.{Entry, Error, Event}
  alias Lookout.Support.Sealed

  @version 1
  @event struct(Event)

  # Every atom that `lookout_port` can send, as listed in docs/protocol.md: errnos, other reasons, operations, signals,
  # file systems, and the keywords of the messages.
  @atoms ~w(
    e2big eacces eaddrinuse eaddrnotavail eadv eafnosupport eagain ealready ebade ebadf ebadfd ebadmsg ebadr ebadrqc ebadslt ebfont
    ebusy ecanceled echild echrng ecomm econnaborted econnrefused econnreset edeadlk edestaddrreq edom edotdot edquot eexist efault
    efbig ehostdown ehostunreach ehwpoison eidrm eilseq einprogress eintr einval eio eisconn eisdir eisnam ekeyexpired ekeyrejected
    ekeyrevoked el2hlt el2nsync el3hlt el3rst elibacc elibbad elibexec elibmax elibscn elnrng eloop emediumtype emfile emlink
    emsgsize emultihop enametoolong enavail enetdown enetreset enetunreach enfile enoano enobufs enocsi enodata enodev enoent
    enoexec enokey enolck enolink enomedium enomem enomsg enonet enopkg enoprotoopt enospc enosr enostr enosys enotblk enotconn
    enotdir enotempty enotnam enotrecoverable enotsock enotty enotuniq enxio eopnotsupp eoverflow eownerdead eperm epfnosupport
    epipe eproto eprotonosupport eprototype erange eremchg eremote eremoteio erestart erfkill erofs eshutdown esocktnosupport espipe
    esrch esrmnt estale estrpipe etime etimedout etoomanyrefs etxtbsy euclean eunatch eusers exdev exfull
    errno_unknown

    already_running already_watched bad_directory bad_group bad_limit bad_request bad_snapshot bad_term bad_user closed
    cursor_inside enotsup frame_too_large guardian_killed in_use locked newer_snapshot no_cursor no_terminal not_allowed
    not_found not_running not_watched overrun port_died stalled truncated_frame unknown_cursor untrusted

    allow cgroup chdir close_stdin credit decode dup epoll_ctl exec flock group guard info inotify_init list listen load
    nice open ping pipe read redirect resize save setrlimit setuid signal spawn stats stdin stop sync unwatch user watch
    write

    hup int quit ill trap abrt bus fpe kill usr1 segv usr2 pipe alrm term stkflt chld cont stop tstp ttin ttou urg xcpu
    xfsz vtalrm prof winch io pwr sys
    rtmin_0 rtmin_1 rtmin_2 rtmin_3 rtmin_4 rtmin_5 rtmin_6 rtmin_7 rtmin_8 rtmin_9 rtmin_10 rtmin_11 rtmin_12 rtmin_13 rtmin_14
    rtmin_15 rtmin_16 rtmin_17 rtmin_18 rtmin_19 rtmin_20 rtmin_21 rtmin_22 rtmin_23 rtmin_24 rtmin_25 rtmin_26 rtmin_27 rtmin_28
    rtmin_29 rtmin_30 sig32 sig33

    9p afs autofs binder binfmt_misc bpf ceph cgroup cgroup2 cifs coda configfs debugfs efivarfs fuse fusectl gpfs lustre
    mqueue nfs nfsd nsfs proc pstore resctrl rpc_pipefs securityfs selinuxfs smackfs smb smb2 sysfs tracefs vboxsf vmhgfs

    attributes batches cgroup cpu_from cpu_system cpu_user created credit deleted directories directory dirty entries error events exit
    fanotify fatal file files fswatch hello infinity inotify killed memory memory_from memory_peak modified new nil notice ok omitted other overflow
    overflows poll polled proc renamed reply rescans resumed root_created root_deleted roots session signal stderr stdin_closed stdin_taken stdout symlink true unreadable unwatched watch_limit watches
  )a

  @type id :: non_neg_integer
  @type reply :: :ok | {:ok, term} | {:error, Error.t()}
  @type message ::
          {:hello, integer, binary}
          | {:reply, nil | id, reply}
          | {:entries, id, [tuple]}
          | {:events, pos_integer, [Event.t()]}
          | {:notice, term}
          | {:stdout | :stderr, binary}
          | {:stdin_taken, pos_integer}
          | {:stdin_closed, atom}
          | {:exit, 0..255 | {:signal, atom, pos_integer}}
          | {:exit, 0..255 | {:signal, atom, pos_integer}, [killed: true]}
          | {:session,
             {:new, epoch :: non_neg_integer} | {:resumed, epoch :: non_neg_integer, batch :: non_neg_integer}}
          | {:fatal, Error.t()}
          | {:garbage, binary}

  @doc "The version of the protocol."
  @spec version() :: pos_integer
  def version, do: @version

  @doc "The payload of a frame to `lookout_port`."
  @spec encode(term) :: binary
  def encode(request), do: :erlang.term_to_binary(request)

  @doc "Every atom that a frame from `lookout_port` may contain. They exist in the VM as soon as this module is loaded."
  @spec atoms() :: [atom]
  def atoms, do: @atoms

  @doc """
  Decodes what has come from `lookout_port`: the payload of a frame, or the term that a node has sent. Returns `{:garbage, detail}` for anything that is no message of the protocol, such
  as a frame with an atom that does not exist in this VM. Decoding creates no atoms.
  """
  @spec decode(binary | term) :: message
  def decode(payload) when is_binary(payload) do
    payload |> :erlang.binary_to_term([:safe]) |> message()
  rescue
    _not_a_message in [ArgumentError, FunctionClauseError] -> {:garbage, shown(payload)}
  end

  def decode(term) do
    message(term)
  rescue
    _not_a_message in [ArgumentError, FunctionClauseError] ->
      {:garbage, "#{Sealed.describe(term)} that is no message of the protocol"}
  end

  @doc "An entry of a listing."
  @spec entry(tuple) :: Entry.t()
  def entry({type, path, inode}), do: %Entry{type: type, path: path, inode: inode}

  def entry({type, path, inode, size, mtime, mode}) do
    %Entry{type: type, path: path, inode: inode, size: size, mtime: mtime, mode: mode}
  end

  defp message({:events, seq, [_ | _] = events}) when is_integer(seq), do: {:events, seq, events(events)}
  defp message({:reply, id, {:error, error}}), do: {:reply, id, {:error, error(error)}}
  defp message({:reply, _id, :ok} = reply), do: reply
  defp message({:reply, _id, {:ok, _value}} = reply), do: reply
  defp message({:entries, _id, entries} = chunk) when is_list(entries), do: chunk
  defp message({:notice, _notice} = notice), do: notice
  defp message({stream, bytes}) when stream in [:stdout, :stderr] and is_binary(bytes), do: {stream, bytes}
  defp message({:stdin_taken, bytes}) when is_integer(bytes) and bytes > 0, do: {:stdin_taken, bytes}
  defp message({:stdin_closed, reason}) when is_atom(reason), do: {:stdin_closed, reason}
  defp message({:exit, code}) when code in 0..255, do: {:exit, code}
  defp message({:exit, {:signal, name, number}} = exit) when is_atom(name) and is_integer(number), do: exit
  defp message({:exit, status, [killed: true]}), do: {:exit, elem(message({:exit, status}), 1), [killed: true]}
  defp message({:hello, protocol, version}) when is_integer(protocol), do: {:hello, protocol, version}
  defp message({:session, {:new, epoch}} = session) when is_integer(epoch), do: session
  defp message({:session, {:resumed, epoch, batch}} = session) when is_integer(epoch) and is_integer(batch), do: session
  defp message({:fatal, error}), do: {:fatal, error(error)}

  defp events([]), do: []
  defp events([event | rest]), do: [event(event) | events(rest)]

  # A map update shares the tuple of keys with the original map. `%Event{...}` would store its own tuple in each event.
  defp event({change, type, path}), do: %{@event | change: change, type: type, path: path}
  defp event({:renamed, type, path, from}), do: %{@event | change: :renamed, type: type, path: path, from: from}

  defp error({reason, operation, path, detail}) when is_atom(reason) and is_binary(detail) do
    %Error{reason: reason, operation: operation, path: path, detail: detail}
  end

  # The most bytes of an invalid frame that the error shows: the rest may be output of a command.
  @shown_bytes 16

  defp shown(payload) do
    start = payload |> binary_part(0, min(byte_size(payload), @shown_bytes)) |> inspect(binaries: :as_strings)

    "#{byte_size(payload)} bytes that are no message of the protocol, or hold an atom that the protocol does not list; they start with #{start}"
  end
end
