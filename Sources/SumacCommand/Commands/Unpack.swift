import ArgumentParser
import Operations

struct Unpack: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "unpack",
    abstract: "Extract an archive of a model folder.",
    discussion: """
      Reads tar, tar.gz, tar.bz2, tar.zst, ZIP archives and Python wheels, which are recognized by \
      their content. If everything in the archive is inside one folder, the files of that folder are \
      written. Absolute paths, paths and links that lead out of the archive, duplicates, devices and \
      archives that expand to far more than their size are refused, before anything is written. Links \
      become copies of their files.

      Examples:
        sumac unpack model.tar.zst -o model/
        sumac unpack package.whl -o package/ --dry-run
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: ArchiveFlags

  @Argument(help: "An archive.", completion: .file())
  var archive: String

  func operation(_ invocation: Invocation) -> UnpackOperation {
    UnpackOperation(archive: archive, output: writer.settings)
  }
}
