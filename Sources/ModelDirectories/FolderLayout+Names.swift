import Checkpoints

/// The names of weights files and of their index.
extension FolderLayout {
  func fileName(of number: Int, among count: Int) -> String {
    guard count > 1 else { return weightsName + ModelDirectoryContainer.weightsSuffix }
    func digits(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "\(weightsName)-\(digits(number + 1))-of-\(digits(count))"
      + ModelDirectoryContainer.weightsSuffix
  }

  /// The name of the index. That of a variant such as `model.fp16` is `model.safetensors.index.fp16.json`.
  var indexName: String {
    let parts = weightsName.split(separator: ".", maxSplits: 1)
    guard parts.count == 2, WeightFileNames.safetensorsStems.contains(String(parts[0])) else {
      return weightsName + ModelDirectoryContainer.weightsSuffix + ".index.json"
    }
    return "\(parts[0]).safetensors.index.\(parts[1]).json"
  }
}
