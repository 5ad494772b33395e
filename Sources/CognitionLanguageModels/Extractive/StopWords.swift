/// Words that carry grammar, not content, in the languages that are known; others simply have none.
enum StopWords {
    /// Picks the language most of whose words occur, and returns its stop words; ties go to the first of the list.
    ///
    /// - Parameter counts: How often each word occurs, in lower case.
    static func fitting(_ counts: [String: Int]) -> Set<String> {
        var best: (hits: Int, words: Set<String>) = (0, languages[0])
        for language in languages {
            let hits = language.reduce(0) { $0 + (counts[$1] ?? 0) }
            if hits > best.hits { best = (hits, language) }
        }
        return best.words
    }

    private static let languages: [Set<String>] = [english, german, french, spanish, italian, portuguese, dutch]

    private static func words(_ text: String) -> Set<String> { Set(text.split(separator: " ").map(String.init)) }

    private static let english = words(
        """
        a about above after again against all almost also although always am among an and another any anyone \
        anything are aren't around as at away back be became because become been before being below between both but \
        by came can can't cannot come could couldn't did didn't do does doesn't doing don't done down during each \
        either else enough even ever every everything few for from further get gets getting give given go goes going \
        got had hadn't has hasn't have haven't having he he's her here hers herself him himself his how however i \
        i'd i'll i'm i've if in instead into is isn't it it's its itself just keep let let's like made make makes \
        many may maybe me might more most much must my myself neither never next no nor not nothing now of off often \
        on once one ones only onto or other others ought our ours ourselves out over own per perhaps put quite \
        rather really said same say says see seem seems several shall she she's should shouldn't since so some \
        something still such take than that that's the their theirs them themselves then there there's therefore \
        these they they're they've this those though through thus to together too toward towards two under until up \
        upon us use used uses using very was wasn't way we we'll we're we've well were weren't what what's when \
        where whether which while who who's whole whom whose why will with within without won't would wouldn't yes \
        yet you you'll you're you've your yours yourself yourselves
        """)
    private static let german = words(
        """
        aber alle allem allen aller alles als also am an andere anderen anderer anders auch auf aus bei beim bereits \
        bin bis bist da dabei dadurch dafür dagegen daher damit danach dann daran darauf daraus darf darin darüber \
        das dass davon dazu dein deine dem den denn der deren des deshalb dessen dich die dies diese diesem diesen \
        dieser dieses dir doch dort du durch ein eine einem einen einer eines einige einmal er es etwa etwas euch \
        euer für gegen gibt hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren \
        ihrer im immer in indem ins ist jede jedem jeden jeder jedes jedoch jener kann kein keine keinem keinen \
        keiner können könnte man manche mehr mein meine mich mir mit muss müssen nach nicht nichts noch nun nur ob \
        oder ohne schon sehr sein seine seinem seinen seiner seit selbst sich sie sind so sogar solche soll sollen \
        sollte sondern sonst sowie über um und uns unser unsere unter viel viele vom von vor wann war waren warum \
        was weil welche welcher wenn wer werde werden wie wieder will wir wird wo wurde wurden während würde würden \
        zu zum zur zwar zwischen
        """)
    private static let french = words(
        """
        ai ainsi alors après au aucun aussi autre autres aux avait avant avec avoir c'est ce ceci cela celle celui \
        ces cet cette ceux chaque chez ci comme comment contre d'un d'une dans de depuis des deux donc dont du elle \
        elles en encore entre est et étaient était étant être eu eux fait faire fois font ici il ils je jusque l'on \
        la le les leur leurs lors lui là ma mais me même mes moi moins mon ne ni nos notre nous on ont ou où par \
        parce pas pendant peu peut plus pour pourquoi qu'il qu'elle quand que quel quelle quelles quels qui quoi sa \
        sans se selon ses si son sont sous sur ta tes toi ton toujours tous tout toute toutes très tu un une vers \
        vos votre vous y à été
        """)
    private static let spanish = words(
        """
        a al algo alguna algunas alguno algunos ante antes aquel aquella aquí así aunque bajo bien cada casi como \
        con contra cual cuales cuando cuanto de del desde donde dos durante e el ella ellas ellos en entre era eran \
        es esa esas ese eso esos esta estaba estado estas este esto estos está están fue fueron ha había hacer hacia \
        han hasta hay la las le les lo los me mi mientras mis mismo mucho muchos muy más ni no nos nosotros nuestra \
        nuestro o otra otras otro otros para pero poco por porque pues que quien quienes qué se sea ser si sido \
        siempre sin sobre son su sus sí también tan tanto te tiene tienen todo todos tras tu un una unas uno unos \
        usted y ya yo
        """)
    private static let italian = words(
        """
        a ad ai al alla alle allo altre altri altro anche ancora avere aveva avevano c'è che chi ci ciò come con \
        contro cui da dai dal dalla dalle de degli dei del dell della delle dello di dopo dove due e ed era erano \
        essere fa fino fra gli ha hanno ho i il in io la le lei li lo loro lui ma me mentre mi mia mio molti molto \
        ne negli nei nel nella nelle no noi non nostra nostro o ogni ora per perché perciò però più poi poiché prima \
        può quale quali quando quanto quella quelle quelli quello questa queste questi questo qui quindi se sempre \
        senza si sia sono sopra sotto stata stato su sua sue sugli sui sul sulla suo suoi tra tutta tutte tutti \
        tutto un una uno vi voi è
        """)
    private static let portuguese = words(
        """
        a ainda algum alguma alguns ao aos apenas aquela aquele as assim até cada com como contra da das de dela \
        dele depois desde do dois dos e ela elas ele eles em entre era eram essa esse esta estava este está estão eu \
        foi foram havia há isso isto já lhe mais mas me mesmo meu minha muito muitos na nas nem no nos nossa nosso \
        não nós o onde os ou outra outras outro outros para pela pelas pelo pelos por porque pode quais qual quando \
        quanto que quem se seja sem sempre ser seu seus sido sobre sua suas são só também tanto te tem todas todo \
        todos tudo tão têm um uma umas uns você à às é
        """)
    private static let dutch = words(
        """
        aan al alle alleen als altijd andere ben bij daar dan dat de deze die dit doch doen door dus een eens en er \
        ge geen geweest haar had hadden hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon \
        kunnen maar me meer men met mij mijn moet moeten na naar niet niets nog nu of om omdat ons onze ook op over \
        reeds te tegen toch toen tot u uit uw van veel voor waar waren was wat we wel werd werden wezen wie wij wil \
        worden wordt zal ze zelf zich zij zijn zo zonder zou zouden
        """)
}
