import Base
import Checkpoints
import Containers

/// A number for all models, or for the named model.
package struct ModelValue: Codable, Sendable, Equatable {
  package var model: String?
  package var number: Double

  package init(model: String? = nil, number: Double) {
    self.model = model
    self.number = number
  }

  /// Returns true if the value applies to the model at `path`.
  ///
  /// The name can be the path itself, its last component, or that without the suffix of a format.
  func applies(toModelAt path: String) -> Bool {
    guard let model else { return true }
    let name = FileSystem.ownName(of: path)
    let suffix = Containers.registry.all.compactMap { $0.suffix }.first { name.hasSuffix($0) }
    let stem = suffix.map { String(name.dropLast($0.count)) }
    return [path, name, stem ?? name].contains(model)
  }
}
