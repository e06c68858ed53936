/// The numbers of layers in the names of tensors: what stands behind `model.layers.` and the like.
///
/// The first part of a name that is a number counts; what comes before it is the run of layers that
/// it belongs to, of which a model may have several.
package struct LayerNames: Sendable, Equatable {
  package struct Place: Equatable {
    /// With its last dot, such as `model.layers.`; empty if the number comes first.
    package var prefix: String
    package var index: Int
    /// Behind the number, such as `.mlp.up_proj.weight`.
    package var suffix: String
  }

  /// A number beyond this is no layer's.
  private static let indexLimit = 1 << 20

  /// For each run, one more than its highest number.
  package let counts: [String: Int]

  package init(_ names: some Sequence<String>) {
    var counts: [String: Int] = [:]
    for place in names.compactMap(Self.place(in:)) {
      counts[place.prefix] = max(counts[place.prefix] ?? 0, place.index + 1)
    }
    self.counts = counts
  }

  package static func place(in name: String) -> Place? {
    var start = name.startIndex
    while start < name.endIndex {
      let end = name[start...].firstIndex(of: ".") ?? name.endIndex
      let part = name[start..<end]
      if !part.isEmpty, part.utf8.allSatisfy({ (48...57).contains($0) }), let index = Int(part),
        index < indexLimit
      {
        return Place(
          prefix: String(name[..<start]), index: index, suffix: String(name[end...]))
      }
      guard end < name.endIndex else { return nil }
      start = name.index(after: end)
    }
    return nil
  }

  /// Where in its run of layers a tensor is: 0 for the first and 1 for the last, 1 if there is but one;
  /// 0 for tensors of no layer.
  package func position(of name: String) -> Double {
    guard let place = Self.place(in: name), let count = counts[place.prefix] else { return 0 }
    return Self.position(of: place.index, among: count)
  }

  package static func position(of index: Int, among count: Int) -> Double {
    count > 1 ? Double(index) / Double(count - 1) : 1
  }

  /// The run that slices are taken of: the one that has as many layers as the configuration says, else
  /// the longest; nil if there is none or several are as long.
  package func main(configured: Int?) -> String? {
    let fitting = counts.filter { configured == nil || $0.value == configured }
    let candidates = fitting.isEmpty ? counts : fitting
    let longest = candidates.values.max()
    let runs = candidates.filter { $0.value == longest }
    return runs.count == 1 ? runs.first?.key : nil
  }
}
