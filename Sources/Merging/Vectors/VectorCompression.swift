package import Base
package import Checkpoints
import Packing
import TensorCore

/// `vector compress`: a vector of differences with fewer bytes and nearly its values.
package struct VectorCompression: Sendable {
  package let vector: TaskVector
  package let form: VectorForm

  package init(vector: TaskVector, form: VectorForm) {
    self.vector = vector
    self.form = form
  }

  package var errors: [any UserError] {
    var errors = form.errors
    if form.isDense {
      errors.append(
        UsageError(
          "how to compress is not said",
          hint: "pass \(setting: "density"), \(setting: "rank") or \(setting: "type")"))
    }
    return errors + VectorSum(vectors: [(vector, 1)]).errors
  }

  package func compressed() -> Checkpoint {
    var result = VectorSum(vectors: [(vector, 1)]).summed()
    for place in result.tensors.indices {
      let tensor = result.tensors[place]
      guard let recipe = form.recipe(for: tensor.info) else { continue }
      result.tensors[place].storage = .recipe(recipe)
    }
    return result
  }

  package var lineageOptions: [Lineage.Option] {
    form.lineageText.map { Lineage.Option($0.name, $0.value) }
  }
}
