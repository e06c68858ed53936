/// The words of a command line before they are parsed.
enum CommandLineWords {
  /// The word that stands for the inputs of a list, since the parser of a verb expects an input. No argument of a
  /// process contains a zero.
  static let listWord = "\0"

  /// Adds the word for a list at the end of a batch or plan whose inputs are, or may be, in a list.
  static func completingBatch(_ words: [String]) -> [String] {
    let names = ["--from", "--inputs-from"]
    guard words.first == "batch" || words.first == "plan",
      words.contains(where: { word in names.contains { word == $0 || word.hasPrefix($0 + "=") } })
    else { return words }
    return words + [listWord]
  }

  /// Joins each option with a negative number that follows it: `--scale -1` becomes `--scale=-1`.
  ///
  /// The parser takes a word that starts with a hyphen for an option, and no option of this program is a number.
  static func joiningNegativeNumbers(_ words: [String]) -> [String] {
    var result: [String] = []
    var isOption = false
    for (index, word) in words.enumerated() {
      guard word != "--" else { return result + words[index...] }
      if isOption, isNegativeNumber(word) {
        result[result.count - 1] += "=" + word
        isOption = false
      } else {
        result.append(word)
        isOption = word.hasPrefix("-") && word.count > 1 && !word.contains("=")
      }
    }
    return result
  }

  /// True for a number such as `-1`, `-.5`, `-1e3` or `-50%`.
  private static func isNegativeNumber(_ word: String) -> Bool {
    guard word.hasPrefix("-"), let next = word.dropFirst().first, next.isNumber || next == "."
    else {
      return false
    }
    return Double(word.hasSuffix("%") ? String(word.dropLast()) : word) != nil
  }
}
