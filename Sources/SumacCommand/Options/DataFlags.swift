import ArgumentParser
import Repeats

/// The options for how texts and tokens are divided into documents.
struct DataFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp("Member of JSON lines with the text. (default: text)", valueName: "name"))
  var field: String?

  @Option(help: "Documents of text files: the whole file, or each line. (default: file)")
  var documents: DataSettings.TextDocuments?

  @Option(
    help: ArgumentHelp(
      "Type of the ids in files with other suffixes: u16, u32, i32, i64.", valueName: "type"))
  var ids: TokenType?

  enum TokenType: String, CaseIterable, ExpressibleByArgument { case u16, u32, i32, i64 }

  func settings(_ paths: [String]) -> DataSettings {
    var settings = DataSettings(paths: paths)
    settings.field = field
    settings.text = documents
    settings.ids = ids?.rawValue
    return settings
  }
}

extension DataSettings.TextDocuments: ExpressibleByArgument {}
