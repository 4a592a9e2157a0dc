//! Every model, by the name users write.

use super::normalise::Normalised;
use super::resnet::{Shape, Wide};
use super::{
    Network, Unfit, bert, cnn, dense, ecg_cnn, efficientnet, gru_lm, lenet, mobilenet, mobilenet_v3,
};
use super::{resnet, rnn, script, transformer_lm, vgg};
use crate::part::{Entry, Kind, Part, Values};
use crate::task::Facts;

/// Makes a model with these settings for data of this kind.
pub type Build = fn(&Values, &Facts) -> Result<Box<dyn Network>, Unfit>;

/// All models.
pub const KIND: Kind<Build> = Kind {
    setting: "model",
    about: "model",
    table: MODELS,
};

/// Every model.
pub const MODELS: &[Entry<Build>] = &[
    Entry::<Build>::new("lr", "multinomial logistic regression (one linear layer)", |_, facts| {
        Ok(Box::new(dense::Dense::logistic(facts)?))
    }),
    Entry::<Build>::new(
        "lr_sigmoid",
        "one linear layer and a sigmoid before the cross-entropy (FedML's `lr`)",
        |_, facts| Ok(Box::new(dense::Dense::squashed(facts)?)),
    ),
    Entry::<Build>::new(
        "2nn",
        "two hidden layers of 200 units, ReLU (McMahan et al. 2017; 199,210 parameters on MNIST)",
        |_, facts| Ok(Box::new(dense::Dense::two_hidden(facts)?)),
    ),
    Entry::<Build>::new(
        "mlp",
        "linear layers of any widths (100,100 as in Acar et al. 2021: 89,610 parameters on MNIST)",
        |values, facts| Ok(Box::new(dense::Dense::layers(&Part::read(values), facts)?)),
    )
    .with(dense::Layers::PARAMS),
    Entry::<Build>::new(
        "cnn",
        "two 5x5 convolutions and 512 units (McMahan et al. 2017; 1,663,370 parameters on MNIST)",
        |values, facts| cnn::original(facts, &Part::read(values)),
    )
    .with(cnn::Cnn::PARAMS),
    Entry::<Build>::new(
        "cnn_dropout",
        "two 3x3 convolutions with dropout (Reddi et al. 2021; 1,199,882 parameters on MNIST)",
        |_, facts| cnn::dropout(facts),
    ),
    Entry::<Build>::new(
        "cnn_dropout_62",
        "cnn_dropout with 62 outputs whatever the classes (FedML's `cnn`; 1,206,590 parameters)",
        |_, facts| cnn::dropout_62(facts),
    ),
    Entry::<Build>::new(
        "cnn_pfl",
        "cnn_dropout with PyTorch's biases to start from \
         (pfl-research's simple_cnn; 1,626,442 on CIFAR)",
        |_, facts| cnn::pfl(facts),
    ),
    Entry::<Build>::new(
        "cnn_cifar",
        "two 5x5 convolutions, 384 and 192 units \
         (McMahan et al. 2017, FedML's Cifar10FLNet; 1,756,426 on CIFAR)",
        |_, facts| cnn::cifar(facts),
    ),
    Entry::<Build>::new(
        "lenet",
        "LeNet-5 with ReLU and maxima (FLUTE's classif_cnn, FedML's CNN_WEB; 62,006 on CIFAR)",
        |values, facts| lenet::lenet(facts, &Part::read(values)),
    )
    .with(lenet::LeNet::PARAMS),
    Entry::<Build>::new(
        "resnet20",
        "residual network of 20 layers for small images (He et al. 2016; 272,474 on CIFAR)",
        |values, facts| resnet::narrow(facts, Shape::TWENTY, Normalised::read(values).norm()),
    )
    .with(Normalised::PARAMS),
    Entry::<Build>::new(
        "resnet32",
        "residual network of 32 layers for small images (He et al. 2016; 466,906 on CIFAR)",
        |values, facts| resnet::narrow(facts, Shape::THIRTY_TWO, Normalised::read(values).norm()),
    )
    .with(Normalised::PARAMS),
    Entry::<Build>::new(
        "resnet44",
        "residual network of 44 layers for small images (He et al. 2016; 661,338 on CIFAR)",
        |values, facts| resnet::narrow(facts, Shape::FORTY_FOUR, Normalised::read(values).norm()),
    )
    .with(Normalised::PARAMS),
    Entry::<Build>::new(
        "resnet56",
        "residual network of 56 layers for small images, with FedML's narrowing blocks \
         (591,322 on CIFAR)",
        |values, facts| resnet::narrow(facts, Shape::FIFTY_SIX, Normalised::read(values).norm()),
    )
    .with(Normalised::PARAMS),
    Entry::<Build>::new(
        "resnet18",
        "residual network of 18 layers \
         (He et al. 2016; 11,173,962 on CIFAR, 11,181,642 with stem=large)",
        |values, facts| resnet::wide(facts, Shape::EIGHTEEN, &Part::read(values)),
    )
    .with(Wide::PARAMS),
    Entry::<Build>::new(
        "resnet34",
        "residual network of 34 layers \
         (He et al. 2016; 21,289,802 for ten classes with stem=large)",
        |values, facts| resnet::wide(facts, Shape::THIRTY_FOUR, &Part::read(values)),
    )
    .with(Wide::PARAMS),
    Entry::<Build>::new(
        "resnet50",
        "residual network of 50 layers \
         (He et al. 2016; 23,528,522 for ten classes with stem=large)",
        |values, facts| resnet::wide(facts, Shape::FIFTY, &Part::read(values)),
    )
    .with(Wide::PARAMS),
    Entry::<Build>::new(
        "mobilenet",
        "MobileNet for small images (Howard et al. 2017, as FedML has it; 3,223,178 on CIFAR)",
        |values, facts| mobilenet::mobilenet(facts, Normalised::read(values).norm()),
    )
    .with(Normalised::PARAMS),
    Entry::<Build>::new(
        "mobilenet_v3",
        "MobileNetV3 as torchvision has it \
         (Howard et al. 2019; 4,214,842 for ten classes, small 1,528,106)",
        |values, facts| mobilenet_v3::mobilenet_v3(facts, &Part::read(values)),
    )
    .with(mobilenet_v3::MobileNetV3::PARAMS),
    Entry::<Build>::new(
        "vgg11",
        "VGG of 11 layers (Simonyan and Zisserman 2015; 9,750,922 on CIFAR)",
        |values, facts| vgg::vgg(facts, vgg::ELEVEN, &Part::read(values)),
    )
    .with(vgg::Vgg::PARAMS),
    Entry::<Build>::new(
        "vgg16",
        "VGG of 16 layers (Simonyan and Zisserman 2015; 15,245,130 on CIFAR)",
        |values, facts| vgg::vgg(facts, vgg::SIXTEEN, &Part::read(values)),
    )
    .with(vgg::Vgg::PARAMS),
    Entry::<Build>::new(
        "efficientnet_b0",
        "EfficientNet B0 as torchvision has it (Tan and Le 2019; 4,020,358 for ten classes)",
        |_, facts| efficientnet::efficientnet_b0(facts),
    ),
    Entry::<Build>::new(
        "rnn",
        "characters by an embedding and two LSTM layers of 256 \
         (McMahan et al. 2017; 819,920 for 80 characters)",
        |values, facts| Ok(Box::new(rnn::Rnn::characters(&Part::read(values), facts)?)),
    )
    .with(rnn::Characters::PARAMS),
    Entry::<Build>::new(
        "rnn_stackoverflow",
        "words by an embedding, an LSTM layer of 670 and 96 values \
         (Reddi et al. 2021; 4,053,428 for 10,004 words)",
        |_, facts| Ok(Box::new(rnn::Rnn::words(facts)?)),
    ),
    Entry::<Build>::new(
        "gru_lm",
        "words by a GRU between an embedding and the same table \
         (FLUTE's `nlg_gru`; 2,727,184 for 10,000 words)",
        |values, facts| Ok(Box::new(gru_lm::GruLm::new(&Part::read(values), facts)?)),
    )
    .with(gru_lm::Words::PARAMS),
    Entry::<Build>::new(
        "transformer_lm",
        "words by three layers that look back \
         (pfl-research's `lm_transformer`; 1,962,720 for 10,002 words)",
        |values, facts| {
            Ok(Box::new(transformer_lm::TransformerLm::new(&Part::read(values), facts)?))
        },
    )
    .with(transformer_lm::Causal::PARAMS),
    Entry::<Build>::new(
        "bert",
        "hidden tokens by an encoder of layers \
         (Devlin et al. 2019; tiny has 4,416,698 for 30,522 tokens)",
        |values, facts| Ok(Box::new(bert::Bert::new(&Part::read(values), facts)?)),
    )
    .with(bert::Encoder::PARAMS),
    Entry::<Build>::new(
        "ecg_cnn",
        "heart beats by convolutions, an LSTM and attention \
         (FLUTE's; 136,965 for 187 values, 5 classes)",
        |values, facts| Ok(Box::new(ecg_cnn::EcgCnn::new(&Part::read(values), facts)?)),
    )
    .with(ecg_cnn::Beats::PARAMS),
    Entry::<Build>::new("script", "your own: a TorchScript module of a file", |values, facts| {
        Ok(Box::new(script::Script::read(values).load(facts)?))
    })
    .with(script::Script::PARAMS),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{build, layout};
    use crate::part::Choice;
    use crate::task::{Input, Task};

    /// A choice, an image, classes, and how many values are trained and kept.
    type Count = (&'static str, [usize; 3], usize, usize, usize);

    const MNIST: [usize; 3] = [1, 28, 28];
    const CIFAR: [usize; 3] = [3, 32, 32];
    const PHOTO: [usize; 3] = [3, 224, 224];

    /// As published, and as torchvision counts them.
    const COUNTS: &[Count] = &[
        ("lr", MNIST, 10, 7_850, 0),
        ("lr", MNIST, 62, 48_670, 0),
        ("lr_sigmoid", MNIST, 10, 7_850, 0),
        ("2nn", MNIST, 10, 199_210, 0),
        ("2nn", MNIST, 62, 209_662, 0),
        ("mlp", MNIST, 10, 89_610, 0),
        ("mlp:hidden=200,activation=tanh", MNIST, 10, 159_010, 0),
        ("cnn", MNIST, 10, 1_663_370, 0),
        ("cnn", MNIST, 62, 1_690_046, 0),
        ("cnn:units=2048", MNIST, 62, 6_603_710, 0),
        ("cnn_dropout", MNIST, 10, 1_199_882, 0),
        ("cnn_dropout_62", MNIST, 10, 1_206_590, 0),
        ("cnn_pfl", CIFAR, 10, 1_626_442, 0),
        ("cnn_pfl", MNIST, 62, 1_206_590, 0),
        ("cnn_cifar", [3, 24, 24], 10, 1_068_298, 0),
        ("cnn_cifar", CIFAR, 10, 1_756_426, 0),
        ("lenet", CIFAR, 10, 62_006, 0),
        ("lenet", MNIST, 10, 44_426, 0),
        ("lenet:padding=2", MNIST, 10, 61_706, 0),
        ("resnet20:norm=group", CIFAR, 10, 272_474, 0),
        ("resnet20", CIFAR, 10, 272_474, 1_568),
        ("resnet32", CIFAR, 10, 466_906, 2_464),
        ("resnet44", CIFAR, 10, 661_338, 3_360),
        ("resnet56", CIFAR, 10, 591_322, 8_992),
        ("resnet56", CIFAR, 100, 614_452, 8_992),
        ("resnet18", CIFAR, 10, 11_173_962, 9_600),
        ("resnet18", CIFAR, 100, 11_220_132, 9_600),
        ("resnet18:stem=large", PHOTO, 10, 11_181_642, 9_600),
        ("resnet18:stem=large", PHOTO, 1000, 11_689_512, 9_600),
        ("resnet18:stem=large,norm=group,groups=32", CIFAR, 100, 11_227_812, 0),
        ("resnet18:stem=large,norm=shared", CIFAR, 10, 11_176_842, 0),
        ("resnet18:stem=large,norm=shared", CIFAR, 100, 11_223_012, 0),
        ("resnet18:stem=large,norm=shared,channels=32", CIFAR, 10, 11_172_342, 0),
        ("resnet34:stem=large", PHOTO, 10, 21_289_802, 17_024),
        ("resnet34:stem=large", PHOTO, 1000, 21_797_672, 17_024),
        ("resnet50:stem=large", PHOTO, 10, 23_528_522, 53_120),
        ("resnet50:stem=large", PHOTO, 1000, 25_557_032, 53_120),
        ("mobilenet", CIFAR, 10, 3_223_178, 21_888),
        ("mobilenet", CIFAR, 100, 3_315_428, 21_888),
        ("mobilenet_v3", PHOTO, 10, 4_214_842, 24_400),
        ("mobilenet_v3:size=small", PHOTO, 10, 1_528_106, 12_112),
        ("vgg11", CIFAR, 10, 9_750_922, 0),
        ("vgg11:head=linear", CIFAR, 10, 9_225_610, 0),
        ("vgg11:head=linear,norm=batch", CIFAR, 10, 9_231_114, 5_504),
        ("vgg11:head=large", PHOTO, 1000, 132_863_336, 0),
        ("vgg11:head=large", CIFAR, 10, 128_807_306, 0),
        ("vgg16", CIFAR, 10, 15_245_130, 0),
        ("vgg16:head=large", PHOTO, 1000, 138_357_544, 0),
        ("efficientnet_b0", PHOTO, 10, 4_020_358, 42_016),
    ];

    /// A choice, tokens, and how many values are trained.
    const TEXT: &[(&str, usize, usize)] = &[
        ("rnn", 80, 819_920),
        ("rnn", 90, 822_570),
        ("rnn:units=100", 80, 133_520),
        ("rnn:embedding=256", 10_000, 6_182_672),
        ("rnn_stackoverflow", 10_004, 4_053_428),
        ("gru_lm", 10_000, 2_727_184),
        ("transformer_lm", 10_002, 1_962_720),
        ("bert", 30_522, 4_416_698),
        ("bert:size=mini", 30_522, 11_201_594),
        ("bert:size=small", 30_522, 28_795_194),
        ("bert:size=medium", 30_522, 41_404_730),
        ("bert:size=base", 30_522, 109_514_298),
    ];

    /// Values that are trained, and that are kept.
    fn count(choice: &str, facts: &Facts) -> (usize, usize) {
        let network = build(&choice.into(), facts).unwrap_or_else(|error| panic!("{error}"));
        let layout = layout(network.as_ref());
        let all: usize = layout.slots().iter().map(|slot| slot.count()).sum();
        (layout.parameters(), all - layout.parameters())
    }

    #[test]
    fn models_of_images_have_the_published_numbers_of_parameters() {
        for &(choice, shape, classes, trained, kept) in COUNTS {
            let found = count(choice, &Facts::classes(&shape, classes));
            assert_eq!(found, (trained, kept), "{choice} for {shape:?}, {classes} classes");
        }
    }

    #[test]
    fn models_of_beats_and_text_have_the_published_numbers_of_parameters() {
        assert_eq!(count("ecg_cnn", &Facts::classes(&[1, 187], 5)), (136_965, 768));
        for &(choice, vocabulary, parameters) in TEXT {
            let task = match choice.starts_with("bert") {
                true => Task::Masked {
                    vocabulary,
                    ignore: 0,
                    hiding: None,
                    padding: Some(0),
                },
                false => Task::Next {
                    vocabulary,
                    ignore: None,
                },
            };
            let text = Facts {
                task,
                shape: vec![80],
                input: Input::Tokens,
                targets: 80,
            };
            assert_eq!(count(choice, &text), (parameters, 0), "{choice} for {vocabulary} tokens");
        }
    }

    /// Models that are counted elsewhere, and where.
    const ELSEWHERE: &[(&str, &str)] = &[
        ("ecg_cnn", "above, for beats"),
        ("script", "it has as many as its file"),
    ];

    #[test]
    fn every_model_is_counted() {
        let images = COUNTS.iter().map(|(choice, ..)| *choice);
        let text = TEXT.iter().map(|(choice, ..)| *choice);
        let elsewhere = ELSEWHERE.iter().map(|(name, _)| *name);
        let counted: Vec<Choice> = images
            .chain(text)
            .chain(elsewhere)
            .map(Choice::from)
            .collect();
        for entry in MODELS {
            let is_counted = counted.iter().any(|choice| choice.name == entry.name);
            assert!(is_counted, "{}: its number of parameters in the table of counts", entry.name);
        }
    }

    #[test]
    fn images_that_would_vanish_are_refused() {
        let refused = |choice: &str, shape: &[usize]| {
            let built = build(&choice.into(), &Facts::classes(shape, 10));
            built.map(|_| ()).expect_err("too small").to_string()
        };
        let small = refused("vgg11", &[3, 28, 28]);
        assert!(
            small.contains("takes larger images, the data set has images of 28x28, 1x1 before"),
            "{small}"
        );
        assert!(refused("lenet", &[1, 8, 8]).contains("larger images"));
        assert!(refused("resnet20", &[60]).contains("[60]"));
        let odd = refused("resnet20:norm=group,groups=3", &[3, 32, 32]);
        assert!(odd.contains("16 channels into 3 groups"), "{odd}");
    }
}
