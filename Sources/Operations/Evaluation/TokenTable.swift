import Evaluation
import Networks

/// A CSV file with a row for each scored token.
enum TokenTable {
  static func write(
    _ windows: TokenWindows, _ scores: [TokenScore], to path: String, _ replacesExisting: Bool
  ) throws {
    try write(windows, ["log_probability", "top"], to: path, replacesExisting) { index in
      ["\(scores[index].logProbability)", "\(scores[index].top)"]
    }
  }

  static func write(
    _ windows: TokenWindows, _ tokens: [TokenComparison], to path: String,
    _ replacesExisting: Bool
  ) throws {
    let names = ["log_probability", "top", "base_log_probability", "base_top", "divergence"]
    try write(windows, names, to: path, replacesExisting) { index in
      let token = tokens[index]
      return [
        "\(token.other.logProbability)", "\(token.other.top)", "\(token.base.logProbability)",
        "\(token.base.top)", "\(token.divergence)",
      ]
    }
  }

  private static func write(
    _ windows: TokenWindows, _ names: [String], to path: String, _ replacesExisting: Bool,
    _ values: (Int) -> [String]
  ) throws {
    try ReportFile.write(to: path, replacesExisting: replacesExisting) { write in
      try write((["window", "position", "token"] + names).joined(separator: ",") + "\n")
      var index = 0
      for (place, target) in windows.targets.enumerated() where target != TokenWindows.unscored {
        let row =
          ["\(place / windows.length)", "\(place % windows.length)", "\(target)"] + values(index)
        try write(row.joined(separator: ",") + "\n")
        index += 1
      }
    }
  }
}
