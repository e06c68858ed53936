package import Base

extension Checkpoint {
  /// Returns the tensors for a container without aliases, and notes about its aliases.
  /// - Parameter keeping: True if aliases are written as tensors of their own; false if they are left out.
  package func withoutAliases(keeping: Bool) -> ([LazyTensor], [Message]) {
    let aliases = tensors.filter { $0.aliasOf != nil }
    guard !aliases.isEmpty else {
      return (tensors, keeping ? [] : ["no tensor is an alias, so nothing is left out as one"])
    }
    let names = aliases.map(\.name.printable).joined(separator: ", ")
    return keeping
      ? (tensors, ["this format has no aliases; written in full: \(names)"])
      : (tensors.filter { $0.aliasOf == nil }, ["left out as aliases: \(names)"])
  }
}
