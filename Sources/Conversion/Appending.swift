package import Base
package import Checkpoints
import Packing

/// `--append-to`: tensors and files behind those of a `.sumac` file, which are copied as they are.
package enum Appending {
  /// What is wrong with adding `addition` to `base`, all of it.
  package static func errors(adding addition: Checkpoint, to base: Checkpoint) -> [any UserError] {
    guard base.container == .sumac else {
      return [
        UsageError(
          "\(setting: "append-to") \(base.path.printable) is no .sumac file",
          hint: "convert it first: \(command: "convert \(base.path.printable) -o NAME.sumac")")
      ]
    }
    let names = Set(base.tensors.map { UTF8Key($0.name) })
    return addition.tensors.filter { names.contains(UTF8Key($0.name)) }.map { tensor in
      UsageError(
        "tensor '\(tensor.name.printable)' is in \(base.path.printable) already",
        hint: "leave it out with \(setting: "drop")")
    }
  }

  /// The tensors of both, those of `base` first; of two files with one name that of `base` is kept.
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
        "files kept as \(base.path.printable) has them: "
          + kept.map(\.printable).joined(separator: ", ")
      ]
    return (result, notes)
  }
}
