import ArgumentParser
import Operations

struct Pack: OutputVerb {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Store a model folder as one archive.",
    discussion: """
      Writes a tar archive, a tar archive that is compressed with zstd, or a ZIP archive whose members \
      are not compressed. The format follows from the name: NAME.tar, NAME.tar.zst or NAME.zip. Small \
      files come before weights. Equal files give equal bytes: times and owners are not stored, and \
      names are sorted. Hidden files are left out.

      Every command that reads a model folder also reads these archives.

      Examples:
        sumac pack model/ -o model.tar.zst
        sumac pack model/ -o model.zip --dry-run
        sumac inspect model.tar.zst
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Output") var writer: ArchiveFlags

  @Argument(help: "A model folder.", completion: .directory)
  var folder: String

  func operation(_ invocation: Invocation) -> PackOperation {
    PackOperation(folder: folder, output: writer.settings)
  }
}
