import Base
import Differences

extension ReportDocument {
  /// Returns the difference that a document of `diff --json` describes.
  ///
  /// - Throws: ``FormatError`` if members are missing or of another type, if numbers are negative or too large, or if
  ///   the document does not list all tensors, so that sums over them would be wrong.
  func difference() throws -> ModelDifference {
    let complete: Message =
      "pass what \(command: "diff A B --only all --json") prints without \(setting: "top"), or the two models in place of a document"
    guard json["layers"] == nil else {
      throw fault("lists layers, as of \(setting: "by-layer"), expected tensors", hint: complete)
    }
    let difference = try decoded(ModelDifference.self)
    if let flaw = difference.flaw {
      throw fault("\(flaw.reason)", tensor: flaw.tensor)
    }
    guard let counts = json["counts"] else { throw fault("has no member 'counts'") }
    for status in TensorDifference.Status.allCases {
      let (listed, all) = (difference.count(status), counts[status.rawValue]?.asInt ?? 0)
      guard listed == all else {
        throw fault(
          "lists \(listed) tensors with the result '\(status.rawValue)', expected all \(all)",
          hint: complete)
      }
    }
    return difference
  }
}
