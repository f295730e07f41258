defmodule Lookout.DoctestTest do
  # The examples of the documentation, in a directory that has a folder `lib`. Not async: the working directory is that
  # of the VM.
  use Lookout.Case, async: false

  import Lookout.Document, only: [cd!: 1]

  setup %{dir: dir} do
    File.mkdir!(Path.join(dir, "lib"))
    cd!(dir)
  end

  doctest Lookout
  doctest Lookout.Command
  doctest Lookout.Runner
  doctest Lookout.FileSystem
  doctest Lookout.Group
  doctest Lookout.Error
end
