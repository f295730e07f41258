defmodule Lookout.Entry do
  @moduledoc """
  An entry of a listing, see `Lookout.list/2`.

    * `:path` - absolute, the raw bytes as on disk
    * `:type` - `:file`, `:directory`, `:symlink` or `:other`
    * `:inode` - the inode number
    * `:size` - bytes
    * `:mtime` - nanoseconds since the epoch; a time that has no signed 64-bit number (after the year 2262) is given as the limit
    * `:mode` - permission bits and type, as in inode(7)

  The last three are `nil` without the option `stat: true`, and also if the entry could no longer be stat'ed. For example:

      %Lookout.Entry{path: "/srv/app/lib/a.ex", type: :file, inode: 1234, size: 5, mtime: 1_700_000_000_000_000_000, mode: 0o100644}
  """

  @typedoc "An entry of a listing."
  @type t :: %__MODULE__{
          path: binary,
          type: Lookout.Event.type(),
          inode: non_neg_integer,
          size: nil | non_neg_integer,
          mtime: nil | integer,
          mode: nil | non_neg_integer
        }

  @enforce_keys [:path, :type, :inode]
  defstruct [:path, :type, :inode, :size, :mtime, :mode]
end
