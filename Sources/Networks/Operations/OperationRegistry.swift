/// The registry of operations.
package enum OperationRegistry {
  package static let all: [any Operation.Type] = [
    Linear.self, LinearTransposed.self, LowRankLinear.self, Embedding.self, RowSum.self,
    RMSNorm.self, LayerNorm.self, UnitRows.self, Rotary.self, RotaryTable.self,
    CLEXFrequencies.self, Attention.self, Activation.self,
    Gated.self, Sum.self, Product.self, Scale.self, Softcap.self, Softmax.self,
    LogProbability.self, Entropy.self, SquaredDifference.self, Mean.self, ColumnSlice.self,
    RowConcatenation.self, FirstRow.self, RowSelection.self, MeanPooling.self, TopShares.self,
    ExpertSum.self, Convolution.self, PatchEmbedding.self, MaxPooling.self, AveragePooling.self,
    BatchNorm.self, Flatten.self,
  ]
}
