package import Base
package import Checkpoints
import Models
import Packing
import TensorCore

/// The operation `vector compress`, which stores a vector of differences in fewer bytes with approximate values.
package struct VectorCompression: Sendable {
  package let vector: TaskVector
  package let form: VectorForm

  package init(vector: TaskVector, form: VectorForm) {
    self.vector = vector
    self.form = form
  }

  /// All errors that can be found from the form and from headers.
  package var errors: [any UserError] {
    var errors = form.errors
    if form.isDense {
      errors.append(
        UsageError(
          "no way to compress is given",
          hint: "pass \(setting: "density"), \(setting: "rank") or \(setting: "type")"))
    }
    return errors + VectorSum(vectors: [(vector, 1)]).errors
  }

  /// Returns the vector, with the terms that its tensors are to be stored as.
  package func compressed() -> Checkpoint {
    var result = VectorSum(vectors: [(vector, 1)]).summed()
    let roles = TensorRoles(result)
    for index in result.tensors.indices {
      let tensor = result.tensors[index]
      guard let recipe = form.recipe(for: tensor.info, roles) else { continue }
      result.tensors[index].storage = .recipe(recipe, roles.rows(of: tensor.info))
    }
    return result
  }

  package var lineageOptions: [Lineage.Option] {
    form.lineageText.map { Lineage.Option($0.name, $0.value) }
  }
}
