// SPDX-License-Identifier: Apache-2.0

import Computation
package import ModelFiles

extension ModelTensors {
    /// Bytes of all weights; tied ones count once.
    package var byteCount: Int {
        let normCount = layers.reduce(outputNorm.count) {
            $0 + $1.attentionNorm.count + $1.ffnNorm.count
        }
        return matrices.reduce(4 * normCount) { $0 + $1.byteCount }
    }

    /// Throws where a weight has another shape than the configuration says.
    func checkShapes(_ c: ModelConfiguration) throws(TransformerError) {
        func check(_ name: String, _ expected: [Int], _ found: [Int]) throws(TransformerError) {
            if expected != found {
                throw .wrongShape(tensor: name, expected: expected, found: found)
            }
        }
        func check(
            _ name: String, _ rows: Int, _ columns: Int, _ matrix: WeightMatrix
        )
            throws(TransformerError)
        {
            try check(name, [rows, columns], [matrix.rowCount, matrix.columnCount])
        }
        let (d, f) = (c.hiddenSize, c.intermediateSize)
        let (h, k) = (c.headCount * c.headDimension, c.kvHeadCount * c.headDimension)
        try check("token embedding", c.vocabularySize, d, tokenEmbedding)
        try check("output", c.vocabularySize, d, output)
        try check("output norm", [d], [outputNorm.count])
        try check("layers", [c.layerCount], [layers.count])
        for (index, layer) in layers.enumerated() {
            let name = "layer \(index) "
            try check(name + "attention norm", [d], [layer.attentionNorm.count])
            try check(name + "wq", h, d, layer.wq)
            try check(name + "wk", k, d, layer.wk)
            try check(name + "wv", k, d, layer.wv)
            try check(name + "wo", d, h, layer.wo)
            try check(name + "ffn norm", [d], [layer.ffnNorm.count])
            try check(name + "experts", [c.expertCount ?? 1], [layer.experts.count])
            try check(
                name + "router", c.expertCount.map { [$0, d] } ?? [],
                layer.router.map { [$0.rowCount, $0.columnCount] } ?? [])
            for (number, expert) in layer.experts.enumerated() {
                let name = name + "expert \(number) "
                try check(name + "w1", f, d, expert.w1)
                try check(name + "w2", d, f, expert.w2)
                try check(name + "w3", f, d, expert.w3)
            }
        }
    }
}
