import Base
import Pruning

/// The fuzz target for survey files. A survey that is written must be read back unchanged.
enum SurveyTarget {
  static func run(_ bytes: [UInt8]) {
    FuzzFolder.with([("survey.json", bytes)]) { path in
      let survey = try SurveyFile(path: path + "/survey.json")
      let text = survey.json.serialized()
      try OutputFile(creating: path + "/again.json").write(Array(text.utf8).rawSpan, at: 0)
      let again = try SurveyFile(path: path + "/again.json")
      precondition(again.json.serialized() == text, "a written survey is read as another one")
      let files = [(path: path, file: survey)]
      _ = try SurveyFile.state(after: files, amount: .exactly(0.5), iterations: 3)
    }
  }
}
