import Checkpoints
import Merging

extension Merging {
  /// Runs the surveys and returns the output.
  func surveyed(engine: Engine) throws -> Checkpoint {
    let output = try output()
    try survey(engine: engine)
    return output
  }
}
