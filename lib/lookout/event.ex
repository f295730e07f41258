defmodule Lookout.Event do
  @moduledoc """
  One change of one entry below a watched directory.

    * `:change` - `:created`, `:modified` (content), `:attributes` (mode, owner, times), `:deleted` or `:renamed`
    * `:type` - `:file`, `:directory`, `:symlink` or `:other` (a socket, a named pipe, a device)
    * `:path` - absolute, the raw bytes as on disk; not necessarily UTF-8
    * `:from` - the old path of a rename, `nil` with every other change

  For example:

      %Lookout.Event{change: :renamed, type: :file, path: "/srv/app/lib/new.ex", from: "/srv/app/lib/old.ex"}
  """

  @typedoc "What happened to the entry."
  @type change :: :created | :modified | :attributes | :deleted | :renamed
  @typedoc "What the entry is."
  @type type :: :file | :directory | :symlink | :other
  @typedoc "A change."
  @type t :: %__MODULE__{change: change, type: type, path: binary, from: nil | binary}

  @enforce_keys [:change, :type, :path]
  defstruct [:change, :type, :path, :from]
end
