package import Base
package import Checkpoints
import Packing

/// `--append-to`: adds tensors and files to a `.sumac` file, whose own contents are copied unchanged.
package enum Appending {
  /// Returns all errors of adding `addition` to `base`.
  package static func errors(adding addition: Checkpoint, to base: Checkpoint) -> [any UserError] {
    guard [.sumac, .sumacShards].contains(base.container) else {
      return [
        UsageError(
          "\(setting: "append-to") \(base.path.printable) is not a .sumac file",
          hint: "convert it first: \(command: "convert \(base.path.printable) -o NAME.sumac")")
      ]
    }
    let names = Set(base.tensors.map { UTF8Key($0.name) })
    return addition.tensors.filter { names.contains(UTF8Key($0.name)) }.map { tensor in
      UsageError(
        "tensor '\(tensor.name.printable)' already exists in \(base.path.printable)",
        hint: "leave it out with \(setting: "drop")")
    }
  }

  /// Returns the tensors of both, those of `base` first. If two files have the same name, that of `base` is kept.
  package static func result(
    adding addition: Checkpoint, to base: Checkpoint
  ) -> (checkpoint: Checkpoint, notes: [Message]) {
    var result = base
    result.tensors += addition.tensors
    let files = Set(base.companions.map { UTF8Key($0.name) })
    result.companions += addition.companions.filter { !files.contains(UTF8Key($0.name)) }
    let kept = addition.companions.filter { files.contains(UTF8Key($0.name)) }.map(\.name)
    let keys = Set(base.metadata.map(\.key))
    result.metadata += addition.metadata.filter { !keys.contains($0.key) }
    result.files += addition.files
    let notes: [Message] =
      kept.isEmpty
      ? []
      : [
        "files kept from \(base.path.printable): "
          + kept.map(\.printable).joined(separator: ", ")
      ]
    return (result, notes)
  }
}
