//! What goes into models and what comes out of them, by numbers small enough to check by hand.

use rulestage_vision::{
    Activation, Channels, Detector, Filter, Fit, Heads, Layout, Output, Picture, Placement,
    Preparation, classes,
};

fn picture(width: usize, height: usize) -> Picture {
    Picture {
        width,
        height,
        rgb: [10, 20, 30].repeat(width * height),
    }
}

fn preparation(fit: Fit, layout: Layout, channels: Channels) -> Preparation {
    Preparation {
        width: 4,
        height: 4,
        fit,
        filter: Filter::OpenCvLinear,
        channels,
        layout,
        scale: 0.5,
        mean: vec![1.0, 2.0, 3.0],
        std: vec![1.0, 2.0, 4.0],
        padding: 100.0,
    }
}

#[test]
fn letterboxes_are_centered_and_padded() {
    let (tensor, placement) =
        preparation(Fit::Letterbox, Layout::Nchw, Channels::Rgb).tensor(&picture(8, 4));
    assert_eq!(tensor.len(), 3 * 16);
    // 10 * 0.5 - 1, and (100 * 0.5 - 1) above and below.
    assert_eq!(tensor[..4], [49.0; 4]);
    assert_eq!(tensor[4..12], [4.0; 8]);
    assert_eq!(tensor[12..16], [49.0; 4]);
    // (30 * 0.5 - 3) / 4 in the last channel.
    assert_eq!(tensor[36..44], [3.0; 8]);
    let expected = Placement {
        x_scale: 0.5,
        y_scale: 0.5,
        left: 0.0,
        top: 1.0,
    };
    assert_eq!(placement, expected);
}

#[test]
fn layouts_and_channels_have_their_order() {
    let rgb = preparation(Fit::Stretch, Layout::Nhwc, Channels::Rgb);
    assert_eq!(rgb.dims(), [1, 4, 4, 3]);
    assert_eq!(rgb.tensor(&picture(3, 5)).0[..3], [4.0, 4.0, 3.0]);
    let bgr = preparation(Fit::Stretch, Layout::Nhwc, Channels::Bgr);
    assert_eq!(bgr.tensor(&picture(3, 5)).0[..3], [14.0, 4.0, 0.5]);
    let grey = preparation(Fit::Stretch, Layout::Nchw, Channels::Grey);
    assert_eq!(grey.dims(), [1, 1, 4, 4]);
    // cv2.cvtColor makes 18 of it.
    assert_eq!(grey.tensor(&picture(3, 5)).0, [8.0; 16]);
}

/// One side of a picture that is all edge: only what is seen is computed.
#[test]
fn crops_of_extreme_pictures_stay_small() {
    let crop = preparation(Fit::Crop(0), Layout::Nchw, Channels::Rgb);
    for (width, height) in [(32_000, 1), (1, 32_000), (1, 1)] {
        let (tensor, placement) = crop.tensor(&picture(width, height));
        assert_eq!(tensor[..16], [4.0; 16], "{width} x {height}");
        assert_eq!(placement.x_scale, 4.0);
        assert!(placement.left <= 0.0 && placement.top <= 0.0);
    }
}

#[test]
fn the_best_classes_come_first() {
    let found = classes(&[1.0, 3.0, 3.0, f32::NAN, 2.0], Activation::None, 4);
    let order: Vec<usize> = found.iter().map(|class| class.index).collect();
    assert_eq!(order, [1, 2, 4, 0]);
    let shares = classes(&[1000.0, 1000.0], Activation::Softmax, 2);
    assert_eq!(
        shares.iter().map(|class| class.score).collect::<Vec<_>>(),
        [0.5, 0.5]
    );
    assert_eq!(classes(&[0.0], Activation::Sigmoid, 1)[0].score, 0.5);
}

fn detector(heads: Heads) -> Detector {
    Detector {
        heads,
        width: 64,
        height: 64,
        min_score: 0.5,
        max_overlap: 0.5,
        most: 10,
    }
}

/// Half as large, 8 pixels from the left.
const PLACED: Placement = Placement {
    x_scale: 0.5,
    y_scale: 0.5,
    left: 8.0,
    top: 0.0,
};

/// Center, size, two scores; the second overlaps the first by 9/11, the fourth is of another class.
const BOXES: [[f32; 6]; 7] = [
    [24.0, 20.0, 20.0, 20.0, 0.8, 0.1],
    [26.0, 20.0, 20.0, 20.0, 0.9, 0.1],
    [24.0, 20.0, 20.0, 20.0, 0.1, 0.7],
    [50.0, 50.0, 10.0, 10.0, 0.2, 0.3],
    [60.0, 60.0, 30.0, 30.0, 0.6, 0.1],
    [8.0, 8.0, 4.0, 4.0, f32::NAN, 0.2],
    [8.0, 8.0, 4.0, 4.0, 0.5, 0.2],
];

#[test]
fn yolo_boxes_are_placed_and_suppressed() {
    let rows: Vec<f32> = BOXES.concat();
    let turned: Vec<f32> = (0..6)
        .flat_map(|value| BOXES.map(|row| row[value]))
        .collect();
    for (dims, values) in [(vec![1, 7, 6], rows.clone()), (vec![1, 6, 7], turned)] {
        let found = detector(Heads::Yolo)
            .detections(&[Output { dims, values }], PLACED, (100, 120))
            .expect("the outputs of a detector");
        let found: Vec<(usize, [f32; 5])> = found
            .iter()
            .map(|d| (d.class, [d.score, d.x, d.y, d.width, d.height]))
            .collect();
        assert_eq!(
            found,
            [
                (0, [0.9, 16.0, 20.0, 40.0, 40.0]),
                (1, [0.7, 12.0, 20.0, 40.0, 40.0]),
                // Cut at the edges of the picture.
                (0, [0.6, 74.0, 90.0, 26.0, 30.0]),
            ]
        );
    }
    let error = detector(Heads::Yolo)
        .detections(
            &[Output {
                dims: vec![7, 6],
                values: rows,
            }],
            PLACED,
            (9, 9),
        )
        .expect_err("two dimensions");
    assert_eq!(
        error.to_string(),
        "expects one output [1, 4 + classes, boxes], and the model gives [7, 6]"
    );
}

#[test]
fn picodet_cells_are_decoded() {
    // One level: 8 x 8 cells of 8 pixels; the cell in row 2, column 3 is sure of its box.
    let (n_cells, cell) = (64, 2 * 8 + 3);
    let mut scores = vec![0.0; n_cells];
    scores[cell] = 0.75;
    let mut bins = vec![0.0; n_cells * 4 * 3];
    for (side, distance) in [1, 2, 0, 1].into_iter().enumerate() {
        bins[cell * 12 + side * 3 + distance] = 200.0;
    }
    let outputs = [
        Output {
            dims: vec![1, 64, 1],
            values: scores,
        },
        Output {
            dims: vec![1, 64, 12],
            values: bins,
        },
    ];
    let unmoved = Placement {
        x_scale: 1.0,
        y_scale: 1.0,
        left: 0.0,
        top: 0.0,
    };
    let found = detector(Heads::PicoDet)
        .detections(&outputs, unmoved, (64, 64))
        .expect("the outputs of a detector");
    assert_eq!(found.len(), 1);
    // The middle is 28, 20; the distances are 8, 16, 0 and 8 pixels.
    let box_ = [found[0].x, found[0].y, found[0].width, found[0].height];
    assert_eq!(box_, [20.0, 4.0, 8.0, 24.0]);
    for outputs in [
        &outputs[..1],
        &[],
        &[outputs[1].clone(), outputs[0].clone()],
    ] {
        let error = detector(Heads::PicoDet).detections(outputs, unmoved, (64, 64));
        assert!(
            error
                .expect_err("they do not fit")
                .to_string()
                .starts_with("expects scores")
        );
    }
}
