/// The layer numbers in tensor names, such as 3 in `model.layers.3.mlp.up_proj.weight`.
///
/// The layer number is the first part of the name that is a number. The text before it names the run of layers, of
/// which a model may have several.
package struct LayerNames: Sendable, Equatable {
  /// The parts of the name of a tensor in a layer.
  package struct Parts: Equatable {
    /// The text before the number with its last dot, such as `model.layers.`; empty if the number comes first.
    package var prefix: String
    /// The layer number.
    package var index: Int
    /// The text after the number, such as `.mlp.up_proj.weight`.
    package var suffix: String
  }

  /// Numbers from this limit on are not layer numbers.
  private static let indexLimit = 1 << 20

  /// The highest number plus 1 of each run, by its prefix.
  package let counts: [String: Int]

  package init(_ names: some Sequence<String>) {
    var counts: [String: Int] = [:]
    for parts in names.compactMap(Self.parts(of:)) {
      counts[parts.prefix] = max(counts[parts.prefix] ?? 0, parts.index + 1)
    }
    self.counts = counts
  }

  /// Splits a name at its layer number; returns nil if the tensor is not in a layer.
  package static func parts(of name: String) -> Parts? {
    var start = name.startIndex
    while start < name.endIndex {
      let end = name[start...].firstIndex(of: ".") ?? name.endIndex
      let part = name[start..<end]
      if !part.isEmpty, part.utf8.allSatisfy({ (48...57).contains($0) }), let index = Int(part),
        index < indexLimit
      {
        return Parts(
          prefix: String(name[..<start]), index: index, suffix: String(name[end...]))
      }
      guard end < name.endIndex else { return nil }
      start = name.index(after: end)
    }
    return nil
  }

  /// Returns the relative position of a tensor in its run of layers: 0 in the first layer and 1 in the last one or the
  /// only one. It is 0 for a tensor outside the layers.
  package func position(of name: String) -> Double {
    guard let parts = Self.parts(of: name), let count = counts[parts.prefix] else { return 0 }
    return Self.position(of: parts.index, among: count)
  }

  /// Returns the relative position of layer `index` among `count` layers: from 0 to 1.
  package static func position(of index: Int, among count: Int) -> Double {
    count > 1 ? Double(index) / Double(count - 1) : 1
  }

  /// Returns the prefix of the run that recipes slice: the one with the configured number of layers, otherwise the
  /// longest; nil if there is none or if several have the same length.
  package func main(configured: Int?) -> String? {
    let fitting = counts.filter { configured == nil || $0.value == configured }
    let candidates = fitting.isEmpty ? counts : fitting
    let longest = candidates.values.max()
    let runs = candidates.filter { $0.value == longest }
    return runs.count == 1 ? runs.first?.key : nil
  }
}
