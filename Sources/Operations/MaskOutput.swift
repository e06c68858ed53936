import Base
import Checkpoints
import Containers
import TensorCore

/// The file of masks that a command writes together with its main output, also inside of a folder that is the latter.
struct MaskOutput: Sendable {
  private let path: String
  private let output: OutputSettings

  /// - Parameter output: The settings of the main output.
  init(_ path: String, besides output: OutputSettings) {
    (self.path, self.output) = (path, output)
  }

  /// Returns the errors of the path: it must not be that of the main output or of an input.
  func errors(_ inputs: [Checkpoint]) -> [any UserError] {
    do {
      guard try !isMain else {
        return [UsageError("\(setting: "save-mask") and \(setting: "output") name the same file")]
      }
      let isFolder = try Containers.output(forPath: path).isFolder
      guard try !isInside else { return [] }
      try AtomicOutput(
        path: path, replacesExisting: output.replacesExisting, inputs: inputs.flatMap(\.files)
      ).check(isDirectory: isFolder)
    } catch let error as any UserError {
      return [OptionError("save-mask", error)]
    } catch {
      return [UsageError("\(setting: "save-mask"): \(error)")]
    }
    return []
  }

  /// True if the masks would be written to the path of the main output.
  private var isMain: Bool {
    get throws {
      guard path != output.path else { return true }
      guard let place = try OutputPlace(path) else { return false }
      return try OutputPlace(output.path) == place
    }
  }

  /// True if the masks are written into the folder that is the main output.
  private var isInside: Bool {
    get throws {
      guard try output.container.isFolder else { return false }
      return try SideOutput.relativePath(of: path, inside: output.path) != nil
    }
  }

  /// Returns the job that writes masks, which are stored dense or sparse, as is smaller.
  /// - Parameters:
  ///   - lineage: The lineage of the main output; nil for none.
  ///   - verb: The verb of the last step of the lineage.
  ///   - options: The options of this step.
  func job(
    _ masks: Checkpoint, _ lineage: Lineage?, verb: String, _ options: [Lineage.Option]
  ) throws -> OutputJob {
    var (masks, lineage) = (masks, lineage)
    for index in masks.tensors.indices where masks.tensors[index].info.elementCount > 0 {
      masks.tensors[index].storage = .losslessOrSparse
    }
    if let last = lineage?.steps.indices.last {
      lineage?.steps[last].verb = verb
      lineage?.steps[last].options = options
    }
    return try OutputJob(
      masks, to: path, container: Containers.output(forPath: path),
      options: WriterOptions(lineage: lineage), replacesExisting: output.replacesExisting,
      isInside: isInside)
  }
}
