//! The parameters: what the model wants of an image, and what it gives.

use miniserde::json;
use rulestage_stage_guest::stage::{Parameter, StageError, Value};
use rulestage_stage_guest::{Parameters, invalid_parameter, parameter};
use rulestage_vision::{Activation, Channels, Detector, Filter, Fit, Heads, Layout, Preparation};

/// The longest side of a model's input.
const LONGEST_SIDE: i64 = 4096;

/// What a session was opened with.
pub(crate) struct Settings {
    /// The model's name in the pipeline
    pub(crate) model: String,
    /// The column of images
    pub(crate) column: String,
    /// The model's input
    pub(crate) input: String,
    /// The model's output; empty: its first
    pub(crate) output: String,
    pub(crate) preparation: Preparation,
    /// Whether the model takes bytes instead of floating-point numbers
    pub(crate) as_bytes: bool,
    /// The most pixels of an image
    pub(crate) max_pixels: u64,
    pub(crate) task: Task,
    /// The names of the classes; empty: their numbers
    pub(crate) labels: Vec<String>,
    /// The names of the produced columns
    pub(crate) outputs: Vec<String>,
}

/// What the model does.
pub(crate) enum Task {
    /// Scores for the classes of the whole image; so many of the best are given
    Classify {
        activation: Activation,
        most: usize,
    },
    Detect(Detector),
}

const MODEL: usize = 0;
const COLUMN: usize = 1;
const INPUT: usize = 2;
const WIDTH: usize = 3;
const HEIGHT: usize = 4;
const FIT: usize = 5;
const SHORTER: usize = 6;
const FILTER: usize = 7;
const CHANNELS: usize = 8;
const LAYOUT: usize = 9;
const ELEMENT: usize = 10;
const SCALE: usize = 11;
const MEAN: usize = 12;
const STD: usize = 13;
const PADDING: usize = 14;
const MAX_PIXELS: usize = 15;
const TASK: usize = 16;
const LABELS: usize = 17;
const OUTPUT: usize = 18;
const ACTIVATION: usize = 19;
const TOP: usize = 20;
const DECODE: usize = 21;
const MIN_SCORE: usize = 22;
const MAX_OVERLAP: usize = 23;
const MAX_DETECTIONS: usize = 24;
const OUTPUTS: usize = 25;

/// Name, type, default and meaning, in the order of the constants above.
pub(crate) fn describe() -> Vec<Parameter> {
    let text = |text: &str| Value::Text(text.to_owned());
    let json = |text: &str| Value::Json(text.to_owned());
    let table = [
        (
            "model",
            "string",
            text("image"),
            "The model, by its name in the pipeline",
        ),
        (
            "column",
            "string",
            text("bytes"),
            "The column of images: whole JPEG, PNG or WebP files",
        ),
        (
            "input",
            "string",
            Value::Absent,
            "The name of the model's input",
        ),
        (
            "width",
            "int",
            Value::Absent,
            "Pixels of a row of the model's input; 1 to 4096",
        ),
        (
            "height",
            "int",
            Value::Absent,
            "Rows of the model's input; 1 to 4096",
        ),
        (
            "fit",
            "string",
            text("stretch"),
            "How an image comes to that size: `stretch`, `crop` (the middle), `letterbox` (padding around), `line` \
             (full height, padding at the right)",
        ),
        (
            "shorter_side",
            "int",
            Value::Int(0),
            "For `crop`: what the shorter side is resized to before; 0: as little as is cropped",
        ),
        (
            "filter",
            "string",
            text("opencv-linear"),
            "How pixels are resized: opencv-linear, opencv-cubic, opencv-lanczos4, pillow-bilinear, pillow-bicubic or \
             pillow-lanczos",
        ),
        (
            "channels",
            "string",
            text("rgb"),
            "The values of a pixel: rgb, bgr or grey",
        ),
        (
            "layout",
            "string",
            text("nchw"),
            "The order of the input's dimensions: nchw or nhwc",
        ),
        (
            "element",
            "string",
            text("f32"),
            "The element type of the input: f32 or u8",
        ),
        (
            "scale",
            "double",
            Value::Double(1.0 / 255.0),
            "A value from 0 to 255 becomes (value * scale - mean) / std; 1/255 unless given",
        ),
        (
            "mean",
            "json",
            json("[0, 0, 0]"),
            "A list with a number for each channel",
        ),
        (
            "std",
            "json",
            json("[1, 1, 1]"),
            "A list with a number for each channel",
        ),
        (
            "padding",
            "double",
            Value::Double(114.0),
            "The value of padding, 0 to 255, before scale, mean and std",
        ),
        (
            "max_pixels",
            "int",
            Value::Int(16_000_000),
            "An image with more pixels is an error of its row",
        ),
        (
            "task",
            "string",
            text("classify"),
            "`classify` the image, or `detect` what is where",
        ),
        (
            "labels",
            "list<string>",
            Value::Texts(Vec::new()),
            "The model's classes in its order; unless given, their numbers",
        ),
        (
            "output",
            "string",
            text(""),
            "For `classify`: the name of the model's output; unless given, its first",
        ),
        (
            "activation",
            "string",
            text("none"),
            "For `classify`: what makes scores of the output: none, softmax or sigmoid",
        ),
        (
            "top",
            "int",
            Value::Int(1),
            "For `classify`: with 2 or more, so many of the best classes as a list, too",
        ),
        (
            "decode",
            "string",
            text("yolo"),
            "For `detect`: the form of the outputs: `yolo` (version 8 and later) or `picodet`",
        ),
        (
            "min_score",
            "double",
            Value::Double(0.4),
            "For `detect`: the lowest score that counts",
        ),
        (
            "max_overlap",
            "double",
            Value::Double(0.5),
            "For `detect`: of two boxes of a label that share more of their area the better one stays",
        ),
        (
            "max_detections",
            "int",
            Value::Int(100),
            "For `detect`: the most boxes of an image",
        ),
        (
            "outputs",
            "list<string>",
            Value::Texts(Vec::new()),
            "The produced columns; unless given, `label`, `score` and, with `top`, `top`, or `detections`",
        ),
    ];
    table
        .into_iter()
        .map(|(name, type_name, default, doc)| parameter(name, type_name, default, doc))
        .collect()
}

impl Settings {
    /// Checks the values against [`describe`] and fills in its defaults.
    pub(crate) fn read(values: Vec<Value>) -> Result<Self, StageError> {
        let given = Parameters::read(describe(), values)?;
        let size = |index| Ok(given.int(index, 1, LONGEST_SIDE)? as usize);
        let shorter = given.int(SHORTER, 0, LONGEST_SIDE)? as usize;
        let fits = [
            ("stretch", Fit::Stretch),
            ("crop", Fit::Crop(shorter)),
            ("letterbox", Fit::Letterbox),
            ("line", Fit::Line),
        ];
        let channels = given.choice(
            CHANNELS,
            &[
                ("rgb", Channels::Rgb),
                ("bgr", Channels::Bgr),
                ("grey", Channels::Grey),
            ],
        )?;
        let preparation = Preparation {
            width: size(WIDTH)?,
            height: size(HEIGHT)?,
            fit: given.choice(FIT, &fits)?,
            filter: given.choice(FILTER, &Filter::NAMED)?,
            channels,
            layout: given.choice(LAYOUT, &[("nchw", Layout::Nchw), ("nhwc", Layout::Nhwc)])?,
            scale: given.double(SCALE)? as f32,
            mean: per_channel(&given, MEAN, channels)?,
            std: per_channel(&given, STD, channels)?,
            padding: share(&given, PADDING, 255.0)?,
        };
        if preparation.std.contains(&0.0) {
            return Err(invalid_parameter(STD, "must not contain 0"));
        }
        let detects = given.choice(TASK, &[("classify", false), ("detect", true)])?;
        let most = given.int(TOP, 1, 1000)? as usize;
        let task = if detects {
            let heads = [("yolo", Heads::Yolo), ("picodet", Heads::PicoDet)];
            Task::Detect(Detector {
                heads: given.choice(DECODE, &heads)?,
                width: preparation.width,
                height: preparation.height,
                min_score: share(&given, MIN_SCORE, 1.0)?,
                max_overlap: share(&given, MAX_OVERLAP, 1.0)?,
                most: given.int(MAX_DETECTIONS, 1, 10_000)? as usize,
            })
        } else {
            let activations = [
                ("none", Activation::None),
                ("softmax", Activation::Softmax),
                ("sigmoid", Activation::Sigmoid),
            ];
            let activation = given.choice(ACTIVATION, &activations)?;
            Task::Classify { activation, most }
        };
        let default_outputs: &[&str] = match task {
            Task::Detect(_) => &["detections"],
            Task::Classify { most: 1, .. } => &["label", "score"],
            Task::Classify { .. } => &["label", "score", "top"],
        };
        Ok(Self {
            model: given.name(MODEL)?,
            column: given.name(COLUMN)?,
            input: given.text(INPUT)?,
            output: given.text(OUTPUT)?,
            preparation,
            as_bytes: given.choice(ELEMENT, &[("f32", false), ("u8", true)])?,
            max_pixels: given.int(MAX_PIXELS, 1, 1 << 30)? as u64,
            task,
            labels: labels(&given)?,
            outputs: outputs(&given, default_outputs)?,
        })
    }

    /// The name of a class.
    pub(crate) fn label(&self, class: usize) -> String {
        match self.labels.get(class) {
            Some(label) => label.clone(),
            None => class.to_string(),
        }
    }

    /// Whether the class is among those that have names, if any have.
    pub(crate) fn has_label(&self, class: usize) -> bool {
        self.labels.is_empty() || class < self.labels.len()
    }
}

/// A number from 0 to `most`.
fn share(given: &Parameters, index: usize, most: f64) -> Result<f32, StageError> {
    let number = given.double(index)?;
    match (0.0..=most).contains(&number) {
        true => Ok(number as f32),
        false => Err(invalid_parameter(
            index,
            format!("must be a number from 0 to {most}"),
        )),
    }
}

fn per_channel(
    given: &Parameters,
    index: usize,
    channels: Channels,
) -> Result<Vec<f32>, StageError> {
    let numbers: Option<Vec<f64>> = match given.value(index) {
        Value::Json(text) | Value::Text(text) => json::from_str(text).ok(),
        _ => None,
    };
    let needed = channels.count();
    let numbers = numbers.filter(|numbers| {
        numbers.len() >= needed
            && numbers.len() <= 3
            && numbers.iter().all(|number| number.is_finite())
    });
    match numbers {
        Some(numbers) => Ok(numbers
            .iter()
            .take(needed)
            .map(|number| *number as f32)
            .collect()),
        None => {
            let message = format!("must be a list of {needed} numbers, like [0.5, 0.5, 0.5]");
            Err(invalid_parameter(index, message))
        }
    }
}

fn labels(given: &Parameters) -> Result<Vec<String>, StageError> {
    match given.value(LABELS) {
        Value::Texts(labels) => Ok(labels.clone()),
        _ => Err(invalid_parameter(LABELS, "must be a list of strings")),
    }
}

fn outputs(given: &Parameters, default: &[&str]) -> Result<Vec<String>, StageError> {
    if matches!(given.value(OUTPUTS), Value::Texts(names) if names.is_empty()) {
        return Ok(default.iter().map(|name| (*name).to_owned()).collect());
    }
    let names = given.names(OUTPUTS)?;
    match names.len() == default.len() {
        true => Ok(names),
        false => {
            let message = format!(
                "must name {} columns, for {}",
                default.len(),
                default.join(", ")
            );
            Err(invalid_parameter(OUTPUTS, message))
        }
    }
}
