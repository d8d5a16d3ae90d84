// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A drawing of how policies trade the time to the first token for the gap between tokens.
struct ScatterPlot {
    /// The runs of one load, joined by a line.
    struct Series {
        let name: String
        var points: [(x: Double, y: Double, label: String)] = []
    }

    let title: String
    let xTitle: String
    let yTitle: String
    var series: [Series] = []

    private static let colours = ["#4269d0", "#efb118", "#ff725c", "#3ca951", "#a463f2", "#97bbf5"]
    private static let (width, height, margin) = (760.0, 460.0, 70.0)

    /// The drawing as SVG.
    var svg: String {
        let points = series.flatMap(\.points)
        let xAxis = Axis(points.map(\.x))
        let yAxis = Axis(points.map(\.y))
        func place(_ point: (x: Double, y: Double, label: String)) -> (Double, Double) {
            let (width, height, margin) = (Self.width, Self.height, Self.margin)
            return (
                margin + xAxis.share(point.x) * (width - 2 * margin),
                height - margin - yAxis.share(point.y) * (height - 2 * margin)
            )
        }
        var body = axes(xAxis, yAxis)
        for (index, series) in series.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let path = series.points.map { place($0) }
                .map { "\(round($0.0)),\(round($0.1))" }.joined(separator: " ")
            body += "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\"/>\n"
            for point in series.points {
                let (x, y) = place(point)
                body +=
                    "<circle cx=\"\(round(x))\" cy=\"\(round(y))\" r=\"4\" fill=\"\(colour)\"/>\n"
                body += text(point.label, x + 6, y - 6)
            }
            body += "<circle cx=\"\(Self.width - 190)\" cy=\"\(38 + 16 * index)\" r=\"4\" "
            body += "fill=\"\(colour)\"/>\n"
            body += text(series.name, Self.width - 180, Double(42 + 16 * index))
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(Int(Self.width))" \
            height="\(Int(Self.height))" font-family="sans-serif" font-size="11">
            <rect width="100%" height="100%" fill="white"/>
            \(body)</svg>

            """
    }

    private func axes(_ xAxis: Axis, _ yAxis: Axis) -> String {
        let (width, height, margin) = (Self.width, Self.height, Self.margin)
        var body = text(title, margin, 24, size: 14)
        body += text(xTitle, width / 2, height - 24, anchor: "middle")
        body +=
            "<text x=\"20\" y=\"\(height / 2)\" text-anchor=\"middle\" "
            + "transform=\"rotate(-90 20 \(height / 2))\">\(yTitle)</text>\n"
        for tick in yAxis.ticks {
            let y = height - margin - yAxis.share(tick) * (height - 2 * margin)
            body += line(margin, y, width - margin, y)
            body += text(String(Int(tick)), margin - 6, y + 4, anchor: "end")
        }
        for tick in xAxis.ticks {
            let x = margin + xAxis.share(tick) * (width - 2 * margin)
            body += line(x, margin, x, height - margin)
            body += text(String(Int(tick)), x, height - margin + 16, anchor: "middle")
        }
        return body
    }

    private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\" stroke=\"#e0e0e0\"/>\n"
    }

    private func text(
        _ text: String, _ x: Double, _ y: Double, size: Int = 11, anchor: String = "start"
    ) -> String {
        "<text x=\"\(round(x))\" y=\"\(round(y))\" font-size=\"\(size)\" "
            + "text-anchor=\"\(anchor)\">\(text)</text>\n"
    }

    private func round(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}

/// A logarithmic axis with ticks at 1, 2, 5, 10, 20 and so on.
private struct Axis {
    private(set) var ticks: [Double] = []

    init(_ values: [Double]) {
        let least = max(values.min() ?? 1, 1)
        let most = max(values.max() ?? 1, least)
        var scale = 1.0
        while scale <= most * 10 {
            for factor in [1.0, 2, 5] {
                let tick = factor * scale
                if tick * 2.5 > least, tick < most * 2.5 { ticks.append(tick) }
            }
            scale *= 10
        }
    }

    /// Where a value lies between the first and the last tick, from 0 to 1.
    func share(_ value: Double) -> Double {
        guard let first = ticks.first, let last = ticks.last, last > first else { return 0.5 }
        return log(max(value, first) / first) / log(last / first)
    }
}
