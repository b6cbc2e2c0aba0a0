"""Which kind of loyalty does a customer describe?"""

lesson = 8
level = 1
tags = ("loyalty", "kinds")
KINDS = ("product", "service", "brand", "place", "price", "person")
answers = {"kind": {"kind": "choice", "choices": KINDS}}

STORIES = {
    "product": (
        ("I tried eleven shampoos. Since then it is this bottle, in whichever shop I find it.",
         "یازده شامپو را امتحان کردم. از آن پس فقط همین یکی را می‌خرم، از هر فروشگاهی که داشته باشد."),
        ("Only this one coffee, the dark roast. Their other roasts are not for me.",
         "فقط همین یک قهوه، همان دم‌سیاه. قهوه‌های دیگر همین سازنده را نمی‌پسندم."),
    ),
    "service": (
        ("I have a season ticket and swim every week. Which pool, who is at the desk: all the same to me.",
         "اشتراک استخر را دارم و هر هفته می‌آیم. کدام استخر باشد و چه کسی پشت میز، برایم فرقی ندارد."),
        ("They pick up my laundry each Monday and bring it back clean. As long as that runs, I stay.",
         "هر دوشنبه لباس‌ها را می‌برند و تمیز برمی‌گردانند. تا این کار سر جایش باشد، می‌مانم."),
    ),
    "brand": (
        ("My phone, my watch, my headphones: all of one maker, and the next will be too.",
         "گوشی، ساعت و هدفونم همه ساخت یک شرکت‌اند و بعدی هم همان خواهد بود."),
        ("Bread, milk or soap: if Green makes it, I take Green, whichever sort is there.",
         "نان باشد یا شیر یا صابون، اگر «سبز» بسازد همان را برمی‌دارم، هر نوعش که باشد."),
    ),
    "place": (
        ("The café lies between my bus stop and my office. If they close, I take the next one on the way.",
         "این کافه میان ایستگاه اتوبوس و محل کارم است. اگر ببندند، به نزدیک‌ترین کافه‌ی سر راهم می‌روم."),
        ("I shop below my flat. There may be better ones, but not downstairs.",
         "از مغازه‌ی زیر خانه‌ام خرید می‌کنم. شاید بهترش باشد، ولی نه همین پایین."),
    ),
    "price": (
        ("For years the same rice, the cheapest on the shelf. When another is cheaper, I take that.",
         "سال‌هاست همان برنج را می‌خرم، ارزان‌ترین قفسه را. اگر یکی دیگر ارزان‌تر شود، آن را برمی‌دارم."),
        ("I come when the yellow labels are out, and buy what has one.",
         "وقتی برچسب‌های زرد را می‌زنند می‌آیم و هرچه برچسب دارد می‌خرم."),
    ),
    "person": (
        ("When my hairdresser changed to another salon, I went along.",
         "آرایشگرم که به سالن دیگری رفت، من هم با او رفتم."),
        ("I wait until Mina is free. She knows what I like, whichever counter she stands at.",
         "صبر می‌کنم تا مینا آزاد شود. او سلیقه‌ام را می‌داند، پشت هر پیشخوانی که باشد."),
    ),
}  # fmt: skip


def draw(rng):
    kind = KINDS[int(rng.integers(len(KINDS)))]
    story_en, story_fa = STORIES[kind][int(rng.integers(2))]
    return {"story_en": story_en, "story_fa": story_fa, "_hidden": kind}


def solve(story_en, story_fa, _hidden):
    return {"kind": _hidden}


def neighbour(story_en, story_fa, _hidden):
    other = {"product": "brand", "brand": "product", "place": "person", "person": "place", "price": "product"}
    return {"kind": other.get(_hidden, "place")}


def comes_often(story_en, story_fa, _hidden):
    return {"kind": "service" if _hidden != "service" else "person"}


def cheap(story_en, story_fa, _hidden):
    return {"kind": "price" if _hidden != "price" else "brand"}


mistakes = {"neighbour": neighbour, "comes_often": comes_often, "cheap": cheap}
