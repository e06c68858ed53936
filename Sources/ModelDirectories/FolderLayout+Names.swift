package import Checkpoints

/// The names of weights files and of their index.
extension FolderLayout {
  /// Returns the name of a weights file.
  /// - Parameters:
  ///   - suffix: The suffix of the format, including the dot.
  ///   - isShard: True if the name has a number even if there is only one file.
  package func fileName(
    of number: Int, among count: Int, suffix: String, isShard: Bool = false
  ) -> String {
    guard count > 1 || isShard else { return weightsName + suffix }
    func digits(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "\(weightsName)-\(digits(number + 1))-of-\(digits(count))"
      + suffix
  }

  /// Returns the name of the index. That of a variant such as `model.fp16` is `model.safetensors.index.fp16.json`.
  package func indexName(suffix: String) -> String {
    let parts = weightsName.split(separator: ".", maxSplits: 1)
    guard parts.count == 2, WeightFileNames.safetensorsStems.contains(String(parts[0])) else {
      return weightsName + suffix + ".index.json"
    }
    return "\(parts[0])\(suffix).index.\(parts[1]).json"
  }
}
